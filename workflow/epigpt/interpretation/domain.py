"""Whether a series is about epilepsy, which the claims and marker sets of that field take."""

from collections.abc import Sequence
from typing import Any

_EPILEPSY = (
    "epilep",
    "seizure",
    "kainate",
    "kainic",
    "pilocarpine",
    "kindl",
    "convuls",
    "interictal",
)


def about_epilepsy(reading: dict[str, Any], classes: Sequence[str]) -> bool:
    """Whether the record of a series, or the names of its classes, speak of epilepsy: only then do
    claims about it apply."""
    series = reading.get("series") or {}
    texts = [*classes, *[str(series.get(key) or "") for key in ("title", "summary")]]
    return bool(reading.get("simulated")) or any(
        word in text.lower() for text in texts for word in _EPILEPSY
    )
