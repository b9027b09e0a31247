"""Donors that titles name, and samples whose titles count on behind the name of one."""

import re
from collections import Counter

import pandas as pd

from epigpt.samples.characteristic_kinds import names_donors, of_subject
from epigpt.samples.title_labels import WITHOUT_NUMBER, apply

FEWEST_DONORS = 3
_LAST_NUMBER = re.compile(WITHOUT_NUMBER)
_REPLICATE = re.compile(
    r"tech(nical)?[\s_.-]*(rep|\d)|\blane\b|\bL00\d\b|re-?sequenc", re.IGNORECASE
)
_NAMED = re.compile(
    r"(donor|patient|subject|individual|participant|animal|mouse|rat|fish|person|case|pat|ind|human)"
    r"[\s_.-]*\w{1,4}$|\d$",
    re.IGNORECASE,
)
GROUP_OF_TITLE = f"title~{WITHOUT_NUMBER}"
# "patient 3", "donor_D07", "mouse #12"; not "mouse P60" and "rat 8 weeks", which are ages.
_PEOPLE = r"[Dd]onor|[Pp]atient|[Ss]ubject|[Ii]ndividual|[Pp]articipant"
_ANIMALS = r"[Aa]nimal|[Mm]ouse|[Rr]at|[Ff]ish|[Ll]itter"
_ID = (
    r"[\s_.#-]*(?:(?:[Nn]o|[Nn]r|[Nn]umber|ID|[Ii]d)[\s_.#:-]+)?"
    r"{letters}\d+(?!\d|[\s_.-]*(?:d|days?|w|wks?|weeks?|m|months?|h|hours?|dpf|hpf|y|years?)\b)"
)
_NAMED_DONOR = (
    rf"(?<![A-Za-z])(?:(?:{_PEOPLE}){_ID.format(letters='[A-Za-z]?')}"
    rf"|(?:{_ANIMALS}){_ID.format(letters='[A-DF-OQ-Z]?')})"
)
# Cells of one donor are treated and not; of animals each class is often counted from 1.
_IN_BOTH_CLASSES = r"(?<![A-Za-z])(?:[Dd]onor|[Ii]ndividual)" + _ID.format(letters="[A-Za-z]?")
# `WT_bio1_tech1` and `WT_bio1_tech2` are of one.
_BESIDE_TECHNICAL = r"[Bb]io[A-Za-z]*[\s_.-]*\d+(?=[\s_.,#-]*[Tt]ech)"


def replicates(
    titles: pd.Series, characteristics: pd.DataFrame, label: pd.Series
) -> dict[str, list[str]]:
    """Find samples that look like replicates of each other: titles that count on behind the name of
    a donor, in the same class, with the same characteristics.

    Parameters
    ----------
    titles, label
        Text by sample.
    characteristics
        Index: the same samples.

    Returns
    -------
    dict
        The part of the title they share → their samples; empty where they do not look so, as where
        titles count the animals of a class (WT 1, WT 2).
    """
    varying = [
        name
        for name in characteristics
        if not names_donors(str(name)) and characteristics[name].nunique() < len(titles)
    ]
    groups: dict[tuple[str, ...], list[str]] = {}
    for sample, title in titles.items():
        numbered = _LAST_NUMBER.fullmatch(str(title).strip())
        if numbered and numbered[1].strip():
            own = tuple(str(characteristics.at[sample, name]) for name in varying)
            groups.setdefault((numbered[1].strip(), str(label[sample]), *own), []).append(
                str(sample)
            )
    several = {key: samples for key, samples in groups.items() if len(samples) > 1}
    technical = any(_REPLICATE.search(str(title)) for title in titles)
    named = {key: samples for key, samples in several.items() if _NAMED.search(key[0])}
    per_class = Counter(key[1:] for key in named)
    enough = technical or max(per_class.values(), default=0) >= FEWEST_DONORS
    chosen = several if technical else named
    return {key[0]: samples for key, samples in chosen.items()} if enough else {}


def named_in_titles(
    titles: pd.Series, label: pd.Series | None = None, label_name: str = ""
) -> tuple[str, dict[str, list[str]]]:
    """Find donors that titles name ("patient 3 focus", "patient 3 rim") and no characteristic does.

    Parameters
    ----------
    titles
        Text by sample.
    label
        Same index; without it only titles count that begin alike up to and with the donor, as any
        class that they name before it is then the same.
    label_name
        Where the label comes from; of a genotype or a sex, a donor has one.

    Returns
    -------
    tuple
        What to write into the cell `group`, and donor → its samples; both empty where a title names
        none, where no donor has two samples, and where the same number stands in several classes
        and may be counted anew in each.
    """
    tried = (
        ("^(.*?{})", _NAMED_DONOR, True),
        ("^(.*?{})", _BESIDE_TECHNICAL, True),
        ("({})", _NAMED_DONOR, False),
        ("({})", _IN_BOTH_CLASSES, not of_subject(label_name)),
    )
    for place, name, may_span in tried if label is not None else tried[:2]:
        donor = apply(place.format(name), titles)
        if (donor == "").any() or not FEWEST_DONORS <= donor.nunique() < len(donor):
            continue
        if may_span or label is None or label.groupby(donor).nunique().max() == 1:
            several = {
                str(one): [str(sample) for sample in samples.index]
                for one, samples in donor.groupby(donor)
                if len(samples) > 1
            }
            return f"title~{_shortest(place, name, titles, donor)}", several
    return "", {}


def _shortest(place: str, name: str, titles: pd.Series, donor: pd.Series) -> str:
    """Return an expression that a reader can check, such as `(donor\\d+)`, where it says the
    same."""
    written = {
        re.sub(r"\d+", r"\\d+", re.escape(found[0]).replace("\\ ", " "))
        for title in titles
        if (found := re.search(name, title))
    }
    short = place.format("|".join(sorted(written)))
    return short if len(written) == 1 and apply(short, titles).equals(donor) else place.format(name)
