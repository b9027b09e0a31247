"""Labels that stand in titles and other texts of the record alone: words in one place, and titles
without their last number."""

import re
from collections.abc import Iterator, Sequence

import pandas as pd

# A title without what counts the samples of a class: `PTZ + drug rep 3` is `PTZ + drug`.
WITHOUT_NUMBER = r"^(.*?)(?:[\s_.#]+|-)?(?:[Rr]ep\w*[\s_.-]*)?\d+$"
# The same of two counts, `WT_bio1_tech2`.
WITHOUT_COUNTS = r"^(.*?)[\s_.,#-]*[Bb]io[A-Za-z]*[\s_.-]*\d+[\s_.,#-]*[Tt]ech[A-Za-z]*[\s_.-]*\d+$"
_LONGEST = 40
_MOST_CLASSES = 12
_MOST_PLACES = 12


def apply(expression: str, texts: pd.Series) -> pd.Series:
    """Return the first group of a regular expression in each text, "" where it does not fit."""
    return texts.map(lambda text: found[1] if (found := re.search(expression, text)) else "")


def parts_of_texts(attributes: pd.DataFrame, names: Sequence[str]) -> dict[str, pd.Series]:
    """Return what could be a label: what to write into the cell `label` → the value of each sample.

    Parameters
    ----------
    attributes
        Index: sample ids; text columns.
    names
        Which of the columns are tried.
    """
    parts: dict[str, pd.Series] = {}
    for name in names:
        if name in attributes and len(attributes):
            for expression, values in _parts(attributes[name].astype(object)):
                parts.setdefault(f"{name}~{expression}" if expression else name, values)
    return parts


def _parts(texts: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    """Try a text as a whole, without its last number, and by the word in each place."""
    if 2 <= texts.nunique() <= 4 and (texts != "").all() and texts.map(len).max() <= _LONGEST:
        yield "", texts
    pattern = WITHOUT_COUNTS if (apply(WITHOUT_COUNTS, texts) != "").all() else WITHOUT_NUMBER
    counted = apply(pattern, texts)
    repeated = (counted != "").all() and counted.duplicated().any()
    stems = counted.nunique() if repeated and counted.nunique() <= _MOST_CLASSES else 0
    words = {
        tuple(pd.factorize(values)[0]): (expression, values) for expression, values in _words(texts)
    }
    # Words are classes where they cross to what the titles are without numbers (WT SD, WT KD, KO
    # SD, KO KD); else they would join classes of which one has a word more (PTZ, PTZ + drug).
    if stems < 2 or stems == 2 ** len(words):
        yield from words.values()
    else:
        yield pattern, counted


def _words(texts: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    """Find the places, counted from the start or the end, where the texts hold one of two words."""
    # A trailing number counts replicates: Control1 and Control2 are one class.
    split = texts.map(
        lambda text: [
            word.rstrip("0123456789") or word for word in re.findall(r"[A-Za-z0-9+]+", text)
        ]
    )
    shortest = min(int(split.map(len).min()), _MOST_PLACES)
    for place in [*range(shortest), *range(-shortest, 0)]:
        values = split.map(lambda parts, place=place: parts[place])
        if values.nunique() != 2 or not all(
            re.search("[A-Za-z].*[A-Za-z]", value) for value in values.unique()
        ):
            continue
        # The longer word first: NonResponder holds Responder.
        either = sorted(map(re.escape, values.unique()), key=lambda word: (-len(word), word))
        expression = f"({'|'.join(either)})"
        if (apply(expression, texts) == values).all():
            yield expression, values
