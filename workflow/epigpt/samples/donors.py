"""Which samples are of one donor: the characteristic that names it, and samples that look like
replicates of each other."""

import re
from collections import Counter
from dataclasses import dataclass

import pandas as pd

from epigpt.geo.record import normal_form
from epigpt.samples.characteristic_kinds import names_donors, of_subject
from epigpt.samples.label_sources import is_missing
from epigpt.samples.title_labels import WITHOUT_NUMBER, apply

_FEWEST = 3
_LAST_NUMBER = re.compile(WITHOUT_NUMBER)
_REPLICATE = re.compile(r"tech(nical)?[\s_.-]*rep|\blane\b|\bL00\d\b|re-?sequenc", re.IGNORECASE)
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
_LINE = re.compile(
    r"\b(cell |ipsc? |hipsc |es )?(line|clone)( ?(id|number|no|name))?$", re.IGNORECASE
)
# Cells of one donor are treated and not; of animals each class is often counted from 1.
_IN_BOTH_CLASSES = r"(?<![A-Za-z])(?:[Dd]onor|[Ii]ndividual)" + _ID.format(letters="[A-Za-z]?")


@dataclass(frozen=True)
class Donors:
    """Donors that were found.

    Attributes
    ----------
    name
        The characteristic, or `sample`.
    rule
        Why, in words.
    doubts
        What the reader should know, one sentence each.
    """

    name: str
    rule: str
    doubts: tuple[str, ...] = ()


def find(characteristics: pd.DataFrame, titles: pd.Series | None = None) -> Donors:
    """Take the characteristic that repeats and is named like a donor, the finest of several; else
    the beginning of the titles, where it names donors; every sample is its own where nothing does.

    A name is passed over, with a doubt, where it lacks values, or where one donor would have two
    sexes, genotypes or strains: then its numbers are used again for other donors.

    Parameters
    ----------
    characteristics
        Index: the samples analysed; text columns.
    titles
        Same index; None where there are none.
    """
    fitting, doubts, single = [], [], ""
    for name in sorted(map(str, characteristics)):
        values = characteristics[name]
        if not names_donors(name):
            continue
        distinct = values.nunique()
        if distinct == len(values):
            single = single or name
        if not _FEWEST <= distinct < len(values):
            continue
        lacking = int(values.map(is_missing).sum())
        clash = _two_of(characteristics, name)
        if lacking:
            doubts.append(
                f"'{name}' may name the donors but lacks a value for {lacking} of"
                f" {len(values)} samples, so it is not used"
            )
        elif clash:
            doubts.append(
                f"'{name}' repeats, but one of its values has several of '{clash}', so its values"
                " are used again for other donors and do not name them"
            )
        else:
            fitting.append(name)
    # The finest of several: every litter is made of animals.
    name = max(
        fitting,
        key=lambda name: (characteristics[name].nunique(), normal_form(name)),
        default="sample",
    )
    if name != "sample":
        number = characteristics[name].nunique()
        return Donors(
            name,
            f"group = auto: '{name}' repeats and names donors, {number} of"
            f" {len(characteristics)} samples",
        )
    if titles is not None and not single and not doubts:
        column, several = named_in_titles(titles)
        if column:
            return Donors(
                column,
                f"group = auto: titles name donors, and {sum(map(len, several.values()))} samples"
                f" share {len(several)} of them",
            )
    why = f"'{single}' differs in every sample" if single else "no characteristic names a donor"
    return Donors("sample", f"group = auto: {why}, so every sample is its own", tuple(doubts))


def _two_of(characteristics: pd.DataFrame, name: str) -> str:
    """Name a characteristic of the subject of which one donor would have two values."""
    for other in sorted(map(str, characteristics)):
        if other != name and of_subject(other):
            known = characteristics[other][~characteristics[other].map(is_missing)]
            if known.groupby(characteristics[name]).nunique().max() > 1:
                return other
    return ""


def suggested_group(characteristics: pd.DataFrame, titles: pd.Series | None = None) -> str:
    """Name what `find` takes, or `sample`."""
    return find(characteristics, titles).name


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
    enough = technical or max(per_class.values(), default=0) >= _FEWEST
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
        ("({})", _NAMED_DONOR, False),
        ("({})", _IN_BOTH_CLASSES, not of_subject(label_name)),
    )
    for place, name, may_span in tried if label is not None else tried[:1]:
        donor = apply(place.format(name), titles)
        if (donor == "").any() or not _FEWEST <= donor.nunique() < len(donor):
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


def cell_line(characteristics: pd.DataFrame, label: pd.Series) -> str:
    """Name a characteristic of cell lines or clones that repeats, each of which is one donor's; ""
    where there is none, or where the lines are what is compared.

    Parameters
    ----------
    characteristics, label
        Index: the samples analysed.
    """
    for name in sorted(map(str, characteristics)):
        values = characteristics[name]
        if (
            _LINE.search(name.replace("_", " "))
            and max(_FEWEST, label.nunique() + 1) <= values.nunique() < len(values)
            and not values.map(is_missing).any()
        ):
            return name
    return ""


def shared(
    titles: pd.Series | None, characteristics: pd.DataFrame, label: pd.Series
) -> tuple[str, str]:
    """Find samples that share donors though every sample counts as its own.

    Parameters
    ----------
    titles, characteristics, label
        Of the same samples; `label` is named after its column, titles are None where there are
        none.

    Returns
    -------
    tuple
        What to write into the cell `group`, and what is seen, in words; "" twice where nothing is.
    """
    if titles is not None:
        column, alike = named_in_titles(titles, label, str(label.name))
        seen = "samples share {} donors that their titles name"
        if not alike:
            column, alike = GROUP_OF_TITLE, replicates(titles, characteristics, label)
            seen = "samples look like replicates of {} donors, whose titles count on"
        if alike:
            first = "; ".join(f"{one}: {', '.join(of)}" for one, of in list(alike.items())[:3])
            number = sum(map(len, alike.values()))
            return column, f"{number} {seen.format(len(alike))} ({first} …)"
    column = cell_line(characteristics, label)
    told = f"'{column}' names lines of cells that repeat, each of which is one donor's"
    return column, told if column else ""
