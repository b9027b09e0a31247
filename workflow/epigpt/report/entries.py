"""What the page over all data sets reads of each of them."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt.interpretation.domain import applies, of_settings
from epigpt.report import wording
from epigpt.report.results import read_json, read_table


@dataclass(frozen=True)
class Entry:
    """What the index shows of one data set; `packed` is the folder of its report inside Snakemake's
    own, `significant` the number of genes at a false discovery rate of 5 %."""

    dataset: str
    reading: dict[str, Any]
    verdict: dict[str, Any]
    samples: pd.DataFrame
    metrics: pd.DataFrame
    significant: int
    claims: pd.DataFrame
    has_report: bool
    provenance: dict[str, Any] = field(default_factory=dict)
    packed: str = ""
    refused: str = ""
    of_this_run: bool = True

    @cached_property
    def auc(self) -> pd.DataFrame:
        """Estimate and interval of the AUC, a row per model that has one."""
        rows = self.metrics[self.metrics["metric"].eq("auc") & self.metrics["estimate"].notna()]
        return rows.drop_duplicates("model").set_index("model")

    @property
    def about_epilepsy(self) -> bool:
        """Return whether claims about epilepsy are held against it."""
        return applies(
            self.reading, sorted(set(self.samples["label"])), of_settings(self.provenance)
        )

    @property
    def link(self) -> str:
        """Address of its report, relative to the index; empty where there is none."""
        return f"{self.dataset}/report.html" if self.has_report else ""

    @property
    def compared(self) -> str:
        """What was compared with what."""
        label = self.reading.get("label") or {}
        case, control = (wording.short(label.get(key) or "", 30) for key in ("case", "control"))
        return (
            f"{case} against {control}"
            if case and control
            else wording.short(label.get("column") or "", 40)
        )


def read(folder: Path) -> Entry:
    """Read the entry of one data set, whatever is missing."""
    return Entry(
        dataset=folder.name,
        reading=read_json(folder / "reading.json"),
        verdict=read_json(folder / "verdict.json"),
        samples=read_table(folder, "samples", texts=True),
        metrics=read_table(folder, "metrics"),
        significant=_significant(folder),
        claims=read_table(folder, "claims"),
        provenance=read_json(folder / "provenance.json"),
        has_report=(folder / "report.html").is_file(),
        # Snakemake's own report puts a file into a folder named by the hash of its path.
        packed=hashlib.sha256(str(folder / "report.html").encode()).hexdigest(),
    )


def _significant(folder: Path) -> int:
    """Return how many genes have a false discovery rate below 5 %, over all contrasts: as the
    stage counted them, since tables of many data sets take long to read."""
    counted = read_json(folder / "differential_expression.json").get("genes_at_fdr_5_percent")
    if counted is not None:
        return int(counted)
    return int(read_table(folder, "differential_expression")["padj"].lt(0.05).sum())


def on_disk(results: Path, known: list[str]) -> list[str]:
    """List the data sets that an earlier run with another table left behind."""
    return sorted(
        folder.name
        for folder in results.iterdir()
        if folder.name not in known
        and folder.is_dir()
        and ((folder / "reading.json").is_file() or (folder / "geo").is_dir())
    )
