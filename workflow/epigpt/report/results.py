"""Everything a page is made of, read once from the result files of a data set.

A file that is absent reads as empty: the section it feeds then says so instead of vanishing.
"""

import io
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt import schema
from epigpt.interpretation.domain import applies, of_settings
from epigpt.report import wording
from epigpt.report.matrix import Expression
from epigpt.samples.donors import called, singular


@dataclass(frozen=True)
class Fit:
    """Training of one model: a fold's, or the final one."""

    preset: str
    name: str
    steps: pd.DataFrame
    plan: dict[str, Any]


class Results:
    """Result files of one data set; each is read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dataset = folder.name
        for name in ("reading", "verdict", "provenance"):
            setattr(self, name, read_json(folder / f"{name}.json"))
        self.contrast_design = read_json(folder / "differential_expression.json")
        self.folds_summary = read_json(folder / "folds.json")
        self.samples = read_table(folder, "samples", texts=True)
        self.manifest = read_table(folder, "geo/manifest")
        self.quality = read_table(folder, "quality")
        self.contrasts = read_table(folder, "differential_expression")
        self.folds = read_table(folder, "folds")
        self.samples["group"] = self._groups_as_tested()
        self.predictions = read_table(folder, "predictions")
        self.metrics = read_table(folder, "metrics")
        self.markers = read_table(folder, "markers")
        self.attributions = read_table(folder, "attributions")
        self.balance = read_table(folder, "excitation_inhibition")
        self.claims = read_table(folder, "claims")
        self.comparison = read_table(folder, "comparison")
        self.confounding = read_table(folder, "confounding")
        self.calibration = read_table(folder, "calibration")
        self.null = read_table(folder, "null")
        self.learning_curve = read_table(folder, "learning_curve")
        self.cell_types = read_table(folder, "cell_types")
        self.agreement = read_table(folder, "attribution_agreement")
        self.attribution_summary = read_json(folder / "attributions.json")
        self.marker_sets = read_table(folder, "marker_sets")
        self.enrichment = read_table(folder, "gene_set_enrichment")

    reading: dict[str, Any]
    verdict: dict[str, Any]
    provenance: dict[str, Any]

    def _groups_as_tested(self) -> pd.Series:
        """Return the groups of the samples, those of the folds where libraries of one donor were
        joined."""
        tested = self.folds.drop_duplicates("sample").set_index("sample")["group"]
        return self.samples["sample"].map(tested).fillna(self.samples["group"])

    @cached_property
    def expression(self) -> Expression | None:
        """The expression file, or None where there is none."""
        path = self.folder / "expression.h5ad"
        return Expression(path) if path.is_file() else None

    @cached_property
    def fits(self) -> list[Fit]:
        """Every fit that left a training log, folds in order, the final one last."""
        found = []
        for log in sorted(self.folder.glob("models/*/**/training.jsonl"), key=_fit_order):
            place = log.relative_to(self.folder / "models").parent
            found.append(
                Fit(
                    place.parts[0],
                    "/".join(place.parts[1:]),
                    _steps(log),
                    read_json(log.parent / "plan.json"),
                )
            )
        return found

    @cached_property
    def classes(self) -> list[str]:
        """Class names in order, the class of interest last."""
        said = [str(name) for name in self.folds_summary.get("classes") or []]
        if said and set(said) >= {label for label in self.samples["label"] if label}:
            return said
        names = sorted({label for label in self.samples["label"] if label})
        case = self.case
        return [name for name in names if name != case] + ([case] if case in names else [])

    @cached_property
    def case(self) -> str:
        """Name of the class of interest; empty where several classes are on a par."""
        names = sorted({label for label in self.samples["label"] if label})
        label = self.reading.get("label") or {}
        case = str(label.get("case") or "").strip()
        asked = {case, *[part.strip() for part in case.split("|")]} - {""}
        named = [name for name in names if name in asked] or [
            name for name in names if name == "case"
        ]
        if len(named) == 1:
            return named[0]
        contrasts = self.contrasts["contrast"].drop_duplicates().tolist()
        first = str(contrasts[0]).partition(" vs ")[0] if len(contrasts) == 1 else ""
        return first if first in names and len(names) == 2 else names[-1] if len(names) == 2 else ""

    @cached_property
    def sources(self) -> dict[str, str]:
        """Return the characteristic that says what `label` and `group` say, where there is one."""
        taken = {tuple(self.samples[name]): name for name in ("group", "label")}
        return {
            taken[tuple(self.samples[name])]: name
            for name in reversed(self.characteristics)
            if tuple(self.samples[name]) in taken
        }

    @cached_property
    def unit(self) -> str:
        """What a group is called in the answer, such as `litter`; `sample` where every sample is
        its own."""
        if self.samples["group"].nunique() == len(self.samples):
            return "sample"
        return singular(str(self.verdict.get("unit") or "donors"))

    @property
    def units(self) -> str:
        """What groups are called: `litters`."""
        return wording.plural(self.unit)

    def called(self, text: str) -> str:
        """Return a text that speaks of donors with this series' word for them."""
        return called(text, self.units)

    def name(self, sample: str) -> str:
        """Return the title of a sample where the record gives each one of its own, else its id."""
        return self._titles.get(sample, "") or sample

    @cached_property
    def _titles(self) -> dict[str, str]:
        titles = self.samples["title"]
        return (
            dict(zip(self.samples["sample"], titles, strict=True))
            if titles.ne("").all() and titles.is_unique
            else {}
        )

    @cached_property
    def about_epilepsy(self) -> bool:
        """Return whether what is known of epilepsy is to be held against this data set."""
        return applies(self.reading, self.classes, of_settings(self.provenance))

    @property
    def assessable(self) -> bool:
        """Return whether models were fitted."""
        return bool(self.folds_summary.get("assessable", not self.metrics.empty))

    @cached_property
    def compared(self) -> pd.DataFrame:
        """The samples that passed the quality limits: those of folds.tsv, or else of the expression
        file, or else all."""
        kept = set(self.folds["sample"])
        if not kept and self.expression is not None:
            obs = self.expression.obs
            kept = set((obs["sample"] if "sample" in obs else obs.index.to_series()).astype(str))
        chosen = self.samples[self.samples["sample"].isin(kept)]
        return chosen if len(chosen) else self.samples

    @property
    def simulated(self) -> bool:
        """Return whether the record says that the data are made up."""
        return bool(
            self.reading.get("simulated")
            or (self.expression is not None and self.expression.uns.get("simulated"))
        )

    @property
    def single_cell(self) -> bool:
        """Return whether observations are cells."""
        return (
            str(
                self.reading.get("assay")
                or (self.expression.uns.get("assay", "") if self.expression else "")
            )
            == "single_cell"
        )

    @property
    def observation(self) -> str:
        """What one observation is called."""
        return "cell" if self.single_cell else "sample"

    @cached_property
    def characteristics(self) -> list[str]:
        """Names of the characteristics in samples.tsv."""
        return [
            column
            for column in self.samples.columns
            if column not in schema.TABLES["samples.tsv"].header
        ]

    def metric(self, model: str, name: str, column: str = "estimate") -> float:
        """Return one figure of metrics.tsv; NaN where it is not there."""
        rows = self.metrics[(self.metrics["model"] == model) & (self.metrics["metric"] == name)]
        return float(rows[column].iloc[0]) if len(rows) else math.nan


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty where the file is absent."""
    if not path.is_file():
        return {}
    content = wording.clean(json.loads(path.read_text(encoding="utf-8")))
    return content if isinstance(content, dict) else {}


def read_table(folder: Path, name: str, texts: bool = False) -> pd.DataFrame:
    """Read a result table with at least the columns of `epigpt.schema`; number columns as
    floats, all others as texts.

    Parameters
    ----------
    folder
        Folder of the data set.
    name
        Path of the table without `.tsv`.
    texts
        Keep all columns as texts.
    """
    path = folder / f"{name}.tsv"
    described = schema.TABLES[f"{name}.tsv"]
    known, numbers = described.header, described.numbers
    if not path.is_file() or not path.stat().st_size:
        return pd.DataFrame(
            {column: pd.Series(dtype=float if column in numbers else object) for column in known}
        )
    # Cleaned as one text: 200 data sets have thousands of columns.
    text = wording.clean(path.read_bytes().decode("utf-8"))
    frame = pd.read_csv(io.StringIO(text), sep="\t", dtype=str, keep_default_na=False, quoting=0)
    if name == "quality" and "sample" not in frame.columns:
        frame = frame.rename(
            columns={frame.columns[0]: "sample"}
        )  # named after the observation: sample or cell
    cells: dict[str, Any] = dict(frame.items()) | {
        column: "" for column in known if column not in frame.columns
    }
    for column in numbers.intersection(() if texts else cells):
        cells[column] = pd.to_numeric(cells[column], errors="coerce")
    return pd.DataFrame(cells, index=frame.index)


def _fit_order(log: Path) -> tuple[bool, list[tuple[str, int]]]:
    parts = log.parent.parts[-2:]
    return "final" in parts, [
        (part.rstrip("0123456789"), int("0" + "".join(filter(str.isdigit, part)))) for part in parts
    ]


def _steps(log: Path) -> pd.DataFrame:
    rows = []
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            continue  # the last line of an interrupted run may be cut short
        if isinstance(row, dict):
            rows.append(row)
    return pd.DataFrame(rows)
