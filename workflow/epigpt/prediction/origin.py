"""What a model takes along when it leaves home: the answer of its series, and how far samples of
that series lie from its reference."""

import html
import json
import re
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
# Where the answer stands in a model card.
_OPENS, _CLOSES = "<!-- answer -->", "<!-- end of answer -->"


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


def with_answer(card: str, told: dict[str, Any]) -> str:
    """Return a model card with the answer of its series before the section Limits, in the place of
    an earlier one.

    Parameters
    ----------
    card
        Markdown, as `epigpt.training.model_card.text` gives it.
    told
        As `content` gives it.
    """
    start, _, rest = card.partition(_OPENS)
    bare = start + rest.partition(_CLOSES)[2].lstrip("\n") if rest else card
    before, heading, after = bare.partition("## Limits\n")
    return f"{before}{_OPENS}\n{_card_section(told)}{_CLOSES}\n\n{heading}{after}"


def _card_section(told: dict[str, Any]) -> str:
    sizes = told.get("groups_per_class") or {}
    score = told.get("auc") or {}
    rows = [
        ("Series", f"{told['series']} {told['title']}".strip()),
        ("Organism", told["organism"]),
        ("Question", told["question"]),
        ("Verdict", told["badge"]),
        ("Answer", told["sentence"]),
        (
            "AUC on held-out samples",
            f"{score['estimate']:.2f} [{score['low']:.2f}, {score['high']:.2f}]"
            if score
            else "none: no model was tested",
        ),
        ("Samples", told["n_samples"]),
        (
            str(told.get("unit") or "donors").capitalize(),
            ", ".join(f"{number} {name}" for name, number in sizes.items()),
        ),
        ("Goes with the classes", ", ".join(told.get("confounders") or []) or "nothing known"),
        ("Licence of the data", told["licence"]),
    ]
    lines = [f"| {name} | {_cell(value)} |" for name, value in rows]
    notes = [f"- {_cell(note)}" for note in told.get("notes") or []]
    table = "\n".join(["## Answer of its series", "", "| | |", "|---|---|", *lines])
    return f"{table}\n" + ("\n" + "\n".join(notes) + "\n" if notes else "")


def _cell(value: object) -> str:
    """Return a text that neither HTML nor Markdown takes for more."""
    plain = html.escape(" ".join(str("" if value is None else value).split()), quote=False)
    return re.sub(r"([\\`*_{}\[\]#|~])", r"\\\1", plain)


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
        "unit",
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
