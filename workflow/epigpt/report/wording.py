"""How texts and numbers from result files are put before a reader."""

import math
import re
from typing import Any

from epigpt import model_names
from epigpt.samples.donors import DONOR_WORDS

# Control characters break SVG; marks that turn the writing direction let a title overwrite its
# surroundings.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\uffff\ud800-\udfff]"
)

MODEL_NAMES = {name: model.title for name, model in model_names.MODELS.items()}
METRIC_NAMES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "f1": "F1",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "MCC",
    "brier": "Brier score",
}


def clean(content: Any) -> Any:
    """Remove control characters and direction marks from every text inside `content` (texts, lists,
    dicts)."""
    if isinstance(content, str):
        return _UNSEEN.sub("", content)
    if isinstance(content, dict):
        return {clean(str(key)): clean(value) for key, value in content.items()}
    if isinstance(content, list):
        return [clean(value) for value in content]
    return content


def short(text: object, length: int = 40) -> str:
    """Cut `text` to `length` characters, with an ellipsis where something is left out."""
    line = " ".join(str(text).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def middle(text: str, length: int) -> str:
    """Cut a path or address in its middle: where it begins and how it ends is what tells it
    apart."""
    return text if len(text) <= length else f"{text[: length // 2]}…{text[-(length // 2) :]}"


def number(value: Any, digits: int = 3) -> str:
    """Write a number for reading: integers with thousands separators, others with `digits`
    significant digits; missing: en dash."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if (float(value).is_integer() and abs(value) < 1e15) or 1e5 <= abs(value) < 1e12:
        return _minus(f"{value:,.0f}")
    if 1e-3 <= abs(value) < 1e5:
        return _minus(f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}")
    return _minus(f"{value:.{digits - 1}e}")


def _minus(digits: str) -> str:
    """Return a negative number the sign of that name instead of a hyphen."""
    return f"−{digits[1:]}" if digits.startswith("-") else digits


def figures(text: str) -> str:
    """Make the figures of a sentence from a result file legible: thousands apart, a minus sign
    instead of a hyphen."""
    text = re.sub(r"(?<![\w.\-])\d{5,15}(?!\w|\.\d)", lambda found: f"{int(found[0]):,}", text)
    return re.sub(r"(?<![\w.\-])-(?=\d)", "−", text)


def signed(value: float, digits: int = 2) -> str:
    """Write a difference with its sign; what rounds to zero has none."""
    text = f"{value:+.{digits}f}"
    return f"{0:.{digits}f}" if float(text) == 0 else text.replace("-", "−")


def set_name(name: object) -> str:
    """Write the name of a gene set for reading: `homeostatic_astrocyte`, `gaba`."""
    return str(name).replace("_", " ").replace("gaba", "GABA")


def times(number: int) -> str:
    """Write how often: `once`, `twice`, `5 times`."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def sentence(text: str) -> str:
    """Make a phrase from a result file a sentence: first letter large, a full stop at its end."""
    text = text.strip()
    return (
        text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?", "…")) else ".")
        if text
        else ""
    )


def score(value: Any) -> str:
    """Write a metric with two decimals; missing: en dash."""
    return "–" if value is None or math.isnan(float(value)) else _minus(f"{float(value):.2f}")


def count(amount: int, noun: str, plural: str = "") -> str:
    """Write an amount with its noun: `1 sample`, `12 samples`, `2 classes`."""
    return f"{amount:,} {noun if amount == 1 else plural or noun + 's'}"


def plural(noun: str) -> str:
    """Write a noun in the plural: `litters`, `biopsies`, `mice`."""
    if noun in DONOR_WORDS:
        return DONOR_WORDS[noun]
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch")) else "s")


def listing(items: list[str], most: int = 8) -> str:
    """Join words as in a sentence: `a, b and c`; at most `most` of them, the number of the rest
    said."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return (
        items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""
    )


def size(amount: Any) -> str:
    """Write a number of bytes with its unit; missing: en dash."""
    try:
        left = float(amount)
    except (TypeError, ValueError):
        return "–"
    if math.isnan(left):
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if left < 1000:
            return f"{left:.0f} {unit}" if unit == "B" else f"{left:.1f} {unit}"
        left /= 1000
    return f"{left:.1f} TB"
