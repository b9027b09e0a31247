"""Whether a series is about epilepsy, which the claims and marker sets of that field take."""

import re
from collections.abc import Sequence
from typing import Any

_EPILEPSY = re.compile(
    r"epilep|seizure|kainate|kainic|pilocarpine|kindl|convuls|ictal\b|ketogenic"
    r"|dravet|lennox|pentylenetetrazol|electroshock|antiseizure",
    re.IGNORECASE,
)


def about_epilepsy(reading: dict[str, Any], classes: Sequence[str]) -> bool:
    """Return whether the record of a series, or the names of its classes, speak of epilepsy: only
    then do claims about it apply."""
    series = reading.get("series") or {}
    texts = [*classes, *[str(series.get(key) or "") for key in ("title", "summary")]]
    return bool(reading.get("simulated")) or any(_EPILEPSY.search(text) for text in texts)


def applies(reading: dict[str, Any], classes: Sequence[str], domain: str = "auto") -> bool:
    """Return whether what is known of epilepsy is held against a series: as the key `domain` says,
    and where it is `auto`, as the record does."""
    return about_epilepsy(reading, classes) if domain == "auto" else domain == "epilepsy"


def of_settings(provenance: dict[str, Any]) -> str:
    """Return the key `domain` of the settings that provenance.json records."""
    return str((provenance.get("settings") or {}).get("domain") or "auto")
