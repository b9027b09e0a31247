"""What a model takes along when it leaves home: the answer of its series, and how far samples of
that series lie from its reference."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from epigpt.errors import InputError

FILE = "answer.json"
# Times the largest distance of a held-out sample of the series itself. One cell type from
# two laboratories came to 2.6 times of it, whole and ribosome-bound RNA of one tissue to 2.3.
BOUND = 3.0
COLUMNS = ["distance", "note"]


@dataclass(frozen=True)
class Origin:
    """Where a model comes from.

    Attributes
    ----------
    told
        Content of answer.json; empty for a model that left without one.
    """

    told: dict[str, Any]

    @property
    def largest(self) -> float:
        """The largest distance of a held-out sample of the model's own series; NaN if unknown."""
        return float(self.told.get("largest_distance") or np.nan)

    def in_words(self) -> str:
        """Return the answer in lines for the screen."""
        if not self.told:
            return (
                f"The model has no {FILE}: how well it does on held-out samples is not known here."
            )
        question, short = self.told.get("question", ""), self.told.get("short", "")
        lines = [f"The model comes from {self.told.get('series')}: {question}", f"Answer: {short}."]
        lines += [str(note) for note in self.told.get("notes") or []]
        return "\n".join([*lines, f"Licence of the data: {self.told.get('licence')}"])

    def judged(self, distances: pd.Series) -> pd.DataFrame:
        """Return the distance of each sample, and a note where it is beyond the series' own.

        Parameters
        ----------
        distances
            Index: samples; root mean square deviation from the reference.
        """
        beyond = distances > self.largest
        note = np.where(beyond, "further from the training samples than any of its series", "")
        return pd.DataFrame({"distance": distances, "note": note}, index=distances.index)

    def refuse_distant(self, distances: pd.Series, where: str, remedy: str) -> None:
        """Refuse samples that lie far beyond the model's own series.

        Raises
        ------
        InputError
            Most samples are more than `BOUND` times as far as any held-out sample of the series.
        """
        if np.isnan(self.largest) or distances.median() <= BOUND * self.largest:
            return
        raise InputError(
            found=(
                f"samples at a distance of {distances.median():.1f} from the training samples, in"
                f" the middle; held-out samples of {self.told.get('series')} reach"
                f" {self.largest:.1f}"
            ),
            where=where,
            why=(
                "another tissue, organism or protocol: the model would give each of them a class"
                " all the same, and often a certain one"
            ),
            remedy=remedy,
        )


def read(folder: Path) -> Origin:
    """Read answer.json of a model folder; empty where there is none."""
    path = folder / FILE
    if not path.is_file():
        return Origin({})
    answer = json.loads(path.read_text(encoding="utf-8"))
    return Origin(answer if isinstance(answer, dict) else {})


def content(
    answer: dict[str, Any], reading: dict[str, Any], source: str, distances: np.ndarray
) -> dict[str, Any]:
    """Return the content of answer.json.

    Parameters
    ----------
    answer, reading
        Contents of verdict.json and reading.json.
    source
        Accession, or name of the local file.
    distances
        Of held-out samples from the reference of their fold.
    """
    own = (
        "question",
        "verdict",
        "badge",
        "sentence",
        "reason",
        "short",
        "notes",
        "classes",
        "n_samples",
        "n_groups",
        "groups_per_class",
        "confounders",
    )
    scores = (answer.get("auc") or {}).get("finetuned")
    geo = source.upper().startswith("GSE")
    return {
        "series": source,
        "title": str((reading.get("series") or {}).get("title") or ""),
        "organism": str(reading.get("organism") or ""),
        **{name: answer.get(name) for name in own},
        "auc": scores,
        "licence": (
            "GEO restricts neither use nor distribution; submitters may hold rights, see the"
            f" record of {source}"
            if geo
            else "not recorded: ask who gave the file"
        ),
        "median_distance": round(float(np.median(distances)), 4) if len(distances) else None,
        "largest_distance": round(float(np.max(distances)), 4) if len(distances) else None,
    }
