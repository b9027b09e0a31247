"""What a job may know: the settings its rule names and the cells of its data set's row, no others.

A rule's list of keys decides what reruns it. Beside the keys of settings.py there are

- `row.label`: a cell of the data set's row; of local files the name alone, since the folder decides
  no result; `path.source` is the whole cell, `written.source` the path from the table's folder,
- `series.source`: a cell of a row of the corpus table, `series_path.source` the whole cell, as
  above,
- `trained.case`, `tested.case`: cells of the two rows of a pair,
- `permutations.baselines`: how many permutations the key `permutations` means for this model,
- `preset`, `weights` and `pretraining.weights`: what the names stand for, so that another name of
  the same reruns nothing; `fetched`: the one of the two that comes from elsewhere;
  `shared_programs`: the corpus whose programmes tokens are made with.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from epigpt.config import dataset_row
from epigpt.config.corpus_table import CorpusRow
from epigpt.config.settings import Settings


@dataclass(frozen=True)
class JobSettings:
    """The settings of a run and its data set table, from which each job is told its part.

    Attributes
    ----------
    settings
        The validated configuration.
    rows
        The data set table by id.
    derived
        Keys whose value is not a setting's text: `preset`, `weights`, `permutations.…`.
    corpus
        The corpus table by series.
    """

    settings: Settings
    rows: Mapping[str, dataset_row.Row]
    derived: Mapping[str, Any]
    corpus: Mapping[str, CorpusRow] = field(default_factory=dict)

    def value(self, key: str, wildcards: Mapping[str, str]) -> Any:  # noqa: PLR0911 - one a kind
        """Return what a key means in a job; KeyError for an unknown key."""
        section, _, name = key.partition(".")
        if key in self.derived:
            return self.derived[key]
        if section in ("row", "trained"):
            return self.row_cells(wildcards["dataset"])[name]
        if section in ("series", "series_path"):
            return self._series_cell(wildcards["series"], name, whole=section == "series_path")
        if section == "tested":
            return self.row_cells(wildcards["tested"])[name]
        if section == "path":
            return getattr(self.rows[wildcards["dataset"]], name)
        if section == "written":
            return self._written(self.rows[wildcards["dataset"]], name)
        return self.settings.value(key)

    def chosen(self, keys: Sequence[str], wildcards: Mapping[str, str]) -> str:
        """Return the named settings as one JSON object, keys in alphabetical order."""
        return json.dumps({key: self.value(key, wildcards) for key in keys}, sort_keys=True)

    def everything(self, wildcards: Mapping[str, str]) -> str:
        """Return every setting and the data set's row as one JSON object."""
        chosen = self.settings.model_dump(mode="json", exclude={"datasets", "corpus"})
        return json.dumps({**chosen, "row": self.row_cells(wildcards["dataset"])}, sort_keys=True)

    def row_cells(self, dataset: str) -> dict[str, str]:
        """Return the cells of a row; of local files their name alone."""
        row = self.rows[dataset]
        cells = {name: getattr(row, name) for name in dataset_row.COLUMNS}
        local = ("samples", "sample_map") + (() if row.is_accession else ("source",))
        return cells | {name: Path(cells[name]).name for name in local}

    def _series_cell(self, series: str, name: str, *, whole: bool) -> str:
        row = self.corpus[series]
        cell: str = getattr(row, name)
        local = name == "samples" or (name == "source" and not row.is_accession)
        return Path(cell).name if local and not whole else cell

    def _written(self, row: dataset_row.Row, name: str) -> str:
        """Return a cell so that it can be pasted into the table: a path from the table's folder."""
        cell: str = getattr(row, name)
        if not cell or (name == "source" and row.is_accession):
            return cell
        return os.path.relpath(cell, Path(self.settings.datasets).parent.resolve())
