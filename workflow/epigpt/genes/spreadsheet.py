"""Gene symbols that a spreadsheet took for dates."""

import re
from collections.abc import Iterable
from typing import Any

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DAY_FIRST = re.compile(r"(\d{1,2})[-.]([A-Z][A-Za-z]{2})[a-z]*\.?(-\d{2,4})?")
_MONTH_FIRST = re.compile(r"([A-Z][A-Za-z]{2})[a-z]?-(\d{1,2}|\d{4})")
_ISO = re.compile(r"\d{4}-(\d{2})-(\d{2})([ T]00:00:00)?")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{2}|\d{4})")
_SERIAL = re.compile(r"\d{5}(\.0)?")
_FIRST_SERIAL, _LAST_SERIAL = 36526, 47848  # 2000-01-01 to 2030-12-31 in days since 1899-12-30


def dates(ids: Iterable[Any]) -> dict[str, list[str]]:
    """Find ids that are dates, and name the genes each may have been (human spelling).

    `1-Mar` was MARCH1 (now MARCHF1) or MARC1 (now MTARC1); `2-Sep` was SEPT2 (now SEPTIN2); `1-Dec`
    was DEC1. Bare five-digit numbers count as a spreadsheet's day numbers only among other names:
    in a list of numbers they are Entrez ids.
    """
    texts = [str(name).strip() for name in ids]
    numeric = sum(text.removesuffix(".0").isdigit() for text in texts)
    dated: dict[str, list[str]] = {}
    for text in texts:
        if not text[:1].isalnum() or not any(character.isdigit() for character in text):
            continue
        month_day = _month_and_day(text, serials=numeric < 0.5 * len(texts))
        if month_day is not None:
            dated[text] = _possible(*month_day)
    return dated


def _month_and_day(text: str, serials: bool) -> tuple[int, int] | None:
    if (match := _DAY_FIRST.fullmatch(text)) and match.group(2).title() in _MONTHS:
        return _MONTHS.index(match.group(2).title()) + 1, int(match.group(1))
    if (match := _MONTH_FIRST.fullmatch(text)) and match.group(1).title() in _MONTHS:
        return _MONTHS.index(match.group(1).title()) + 1, int(match.group(2))
    if match := _ISO.fullmatch(text):
        return int(match.group(1)), int(match.group(2))
    if match := _SLASHED.fullmatch(text):
        return int(match.group(1)), int(match.group(2))
    if serials and _SERIAL.fullmatch(text) and _FIRST_SERIAL <= int(float(text)) <= _LAST_SERIAL:
        return 0, 0
    return None


def _possible(month: int, day: int) -> list[str]:
    if month == 3 and 1 <= day <= 11:
        return [f"MARCHF{day}"] + ([f"MTARC{day}"] if day <= 2 else [])
    if month == 9 and 1 <= day <= 14:
        return [f"SEPTIN{day}"]
    if (month, day) == (12, 1):
        return ["DELEC1"]
    return []
