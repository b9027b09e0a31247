"""What the reporting sheet is filled from: a data set's result files, read once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt import files

Row = tuple[str, str, str]


@dataclass(frozen=True)
class Results:
    """What the sheet is filled from.

    Attributes
    ----------
    verdict, reading, folds_summary, locus, provenance
        Contents of the JSON files of these names.
    samples, folds, metrics, confounding, predictions, quality, manifest
        The tables of these names.
    vocabularies
        SHA-256 of the vocabulary of each fold's model.
    source
        Accession, or name of the local file.
    transferred
        Whether pairs with other series were asked for.
    """

    verdict: Mapping[str, Any]
    reading: Mapping[str, Any]
    folds_summary: Mapping[str, Any]
    locus: Mapping[str, Any]
    provenance: Mapping[str, Any]
    samples: pd.DataFrame
    folds: pd.DataFrame
    metrics: pd.DataFrame
    confounding: pd.DataFrame
    predictions: pd.DataFrame
    quality: pd.DataFrame
    manifest: pd.DataFrame
    vocabularies: Sequence[str]
    source: str
    transferred: bool


def read(folder: Path, provenance: Mapping[str, Any]) -> Results:
    """Read the result files of a data set.

    Parameters
    ----------
    folder
        The data set's folder under results/.
    provenance
        Content of provenance.json, settings and the row of the data set among it.
    """
    settings = provenance.get("settings") or {}
    row = settings.get("row") or {}
    contents = {
        name: json.loads((folder / f"{file}.json").read_text(encoding="utf-8"))
        for name, file in (
            ("verdict", "verdict"),
            ("reading", "reading"),
            ("folds_summary", "folds"),
            ("locus", "locus"),
        )
    }
    tables = {
        name: pd.read_csv(
            folder / f"{file}.tsv", sep="\t", dtype=_TEXTS, keep_default_na=False, na_values=[""]
        )
        for name, file in _TABLES.items()
    }
    fits = sorted((folder / "models").glob("*/repeat*/fold*/vocabulary.json"))
    pairs = [pair.split(" -> ") for pair in settings.get("transfer") or []]
    return Results(
        **contents,
        **tables,
        provenance=provenance,
        vocabularies=[files.sha256(path) for path in fits],
        source=str(row.get("source") or folder.name),
        transferred=any(row.get("dataset") in pair for pair in pairs),
    )


_TABLES = {
    "samples": "samples",
    "folds": "folds",
    "metrics": "metrics",
    "confounding": "confounding",
    "predictions": "predictions",
    "quality": "quality",
    "manifest": "geo/manifest",
}
_TEXTS = dict.fromkeys(("sample", "group", "label", "model", "class", "truth"), str)
