"""`epigpt.load_results`: the results of a data set as tables and AnnData objects."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from epigpt import schema
from epigpt.errors import InputError, nearest_name

if TYPE_CHECKING:
    from anndata import AnnData

_TYPES = {"text": "string", "number": "float64", "integer": "Int64", "boolean": "boolean"}


@dataclass(frozen=True)
class DatasetResults:
    """The results of one data set; every file is read when it is asked for.

    Attributes
    ----------
    folder
        The data set's folder, `results/{dataset}`.
    """

    folder: Path

    @property
    def tables(self) -> list[str]:
        """The names of the tables that are there, without `.tsv`."""
        return [
            name.removesuffix(".tsv") for name in schema.TABLES if (self.folder / name).is_file()
        ]

    def table(self, name: str) -> pd.DataFrame:
        """Read a result table with the types of docs/results.md.

        Parameters
        ----------
        name
            Such as `"metrics"`; `tables` lists what there is.

        Returns
        -------
        pandas.DataFrame
            Text columns as `string`, numbers as `float64`, whole numbers as `Int64`; what is not
            available is missing (`NA`). Columns beyond the described ones are text.

        Raises
        ------
        InputError
            There is no such table.
        """
        path = self.folder / f"{name}.tsv"
        if f"{name}.tsv" not in schema.TABLES:
            close = nearest_name(name, self.tables)
            raise InputError(
                found=f"table '{name}'",
                where=str(self.folder),
                why="no result table has this name",
                remedy=f"ask for '{close or 'metrics'}'; docs/results.md lists all tables",
            )
        if not path.is_file():
            raise InputError(
                found=f"no {path.name}",
                where=str(self.folder),
                why="the run has not written it",
                remedy="run the workflow to its end first",
            )
        frame = pd.read_csv(path, sep="\t", dtype="string", keep_default_na=False)
        for column in schema.TABLES[f"{name}.tsv"].columns:
            if column.name in frame:
                frame[column.name] = _typed(frame[column.name], column.kind)
        return frame

    @property
    def metrics(self) -> pd.DataFrame:
        """The scores of every model: the table `metrics`."""
        return self.table("metrics")

    @property
    def predictions(self) -> pd.DataFrame:
        """The held-out probabilities of every model: the table `predictions`."""
        return self.table("predictions")

    @property
    def verdict(self) -> dict[str, Any]:
        """The content of verdict.json: `verdict`, `reason`, `sentence` and the figures behind."""
        return self._json("verdict.json")

    @property
    def counts(self) -> "AnnData":
        """Raw counts, samples or cells × genes: counts.h5ad, read anew each time."""
        return self._h5ad("counts.h5ad")

    @property
    def expression(self) -> "AnnData":
        """Counts and log-normalised expression after quality control: expression.h5ad, read anew
        each time."""
        return self._h5ad("expression.h5ad")

    def model_folder(self) -> Path:
        """Return the folder of the model that was fitted on all samples, for `load_model`.

        Raises
        ------
        InputError
            There is none, as where a data set is not assessable, or there are several.
        """
        found = sorted(self.folder.glob("models/*/final/config.json"))
        if len(found) != 1:
            raise InputError(
                found=f"{len(found)} finished models",
                where=str(self.folder / "models"),
                why="exactly one was asked for",
                remedy="give load_model a folder such as models/tiny/final",
            )
        return found[0].parent

    def _json(self, name: str) -> dict[str, Any]:
        path = self._existing(name)
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content

    def _h5ad(self, name: str) -> "AnnData":
        from epigpt.dataset import storage

        return storage.read(self._existing(name))

    def _existing(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise InputError(
                found=f"no {name}",
                where=str(self.folder),
                why="the run has not written it",
                remedy="run the workflow to its end first",
            )
        return path


def _typed(texts: pd.Series, kind: schema.Kind) -> pd.Series:
    if kind == "text":
        return texts
    present = texts.where(texts != "")
    if kind == "boolean":
        return present.str.lower().map({"true": True, "false": False}).astype("boolean")
    return pd.to_numeric(present).astype(_TYPES[kind])


def load_results(folder: str | Path) -> DatasetResults:
    """Open the results of a data set.

    Parameters
    ----------
    folder
        `results/{dataset}` of a run.

    Returns
    -------
    DatasetResults
        Tables, AnnData objects and the verdict, each read when it is asked for.

    Raises
    ------
    InputError
        The folder is not that of a data set.

    Examples
    --------
    >>> import epigpt
    >>> results = epigpt.load_results("results/airway")
    >>> results.metrics.query("metric == 'auc'")[["model", "estimate", "low", "high"]].shape[1]
    4
    >>> results.expression.layers["lognorm"].shape == results.expression.shape
    True
    >>> results.verdict["verdict"]
    'no_evidence'
    """
    folder = Path(folder)
    if not (folder / "samples.tsv").is_file():
        near = sorted(path.parent.name for path in folder.glob("*/samples.tsv"))
        raise InputError(
            found="no samples.tsv" if folder.is_dir() else "no such folder",
            where=str(folder),
            why="the results of a data set have it",
            remedy=f"name one of its folders: {', '.join(near[:5])}"
            if near
            else "name results/DATASET of a run",
        )
    return DatasetResults(folder)
