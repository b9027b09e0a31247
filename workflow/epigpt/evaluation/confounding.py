"""Which other characteristics of the samples go with the label: those that are the label itself
under another name, and those from which a model could tell the classes without seeing the
condition."""

import re
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from epigpt.evaluation.evidence import Confounder
from epigpt.samples import ordered_values
from epigpt.samples.association import cramers_v
from epigpt.samples.characteristic_kinds import is_handling

COLUMNS = [
    "characteristic",
    "values",
    "groups",
    "association",
    "kind",
    "accepted",
    "off",
    "detail",
]
FOLLOWS, NEARLY = "label follows", "label nearly follows"
SEPARATES, NEARLY_SEPARATES = "order separates the classes", "order nearly separates the classes"
STATES, RENAMES, FINER = "states the label", "label under another name", "finer than the label"
CONFOUNDING = (FOLLOWS, SEPARATES, NEARLY, NEARLY_SEPARATES)
KINDS = (
    STATES,
    RENAMES,
    FINER,
    "constant",
    "unique to each group",
    *CONFOUNDING,
    "balanced or partly associated",
)
DEPTH = "read depth"
_RESERVED = ("sample", "label", "group", "title")
_DRAWS = 2000
_RARE = 0.01
_RARE_IF_TECHNICAL = 0.05
_MOST_OFF = 2
_WORD = re.compile(r"[^\W_]+")
# What names a sample has an order too, and it is that in which somebody wrote them down.
_NAMES_A_SAMPLE = re.compile(
    r"title|name|\bid\b|_id\b|identifier|number|description|accession|barcode|index|replicate"
    r"|animal|mouse|donor|patient|subject|individual|participant|column|alias|relation|link",
    re.IGNORECASE,
)
# Two families of questions: a characteristic of the label's own family that divides the samples
# alike says the same thing in other words, one of the other family does not.
_FAMILIES = (
    re.compile(
        r"condition|disease|diagnos|status|state|treat|infect|phenotyp|epilep|seizure|stimul|drug"
        r"|compound|agent|diet|training|expos|injur|lesion|outcome|patholog|intervention|model",
        re.IGNORECASE,
    ),
    re.compile(r"genotyp|mutat|knock|transgen|variation|allele|strain", re.IGNORECASE),
)


def table(
    samples: pd.DataFrame,
    accepted: Collection[str] = (),
    measured: Mapping[str, pd.Series] | None = None,
    source: str = "",
) -> pd.DataFrame:
    """Hold every characteristic against the label.

    The label *follows from* a characteristic when each of its values occurs in one class only:
    whoever knows the value knows the label. The reverse is not asked, so that in a series of days
    0, 4 and 8 the time decides the infection, but not the infection the time. An ordered
    characteristic (a date, a run, an age, RNA quality) *separates* the classes when one threshold
    does. Either is *nearly* so with up to two groups on the wrong side, where that is rare by
    chance.

    These say nothing: the label's own source or another wording of it; the same division under a
    name of the same family (genotype, genotype for publication), or a finer one from which the
    label was made (sham, saline, kindled, kainate); a constant; a characteristic whose every value
    belongs to one group and has no order (a name, an id).

    Parameters
    ----------
    samples
        Columns sample, label, group, then the characteristics, as text; an empty text counts as a
        value of its own.
    accepted
        Characteristics that may tell the classes apart.
    measured
        Name → number of each sample (index), for what is measured rather than written: read depth.
    source
        Characteristic from which the label was taken, where it is known.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`: values and groups are numbers of distinct ones, association is Cramér's V over
        samples (0 to 1; NaN for what is measured), kind one of `KINDS`, accepted whether the user
        accepts it, off how many groups are on the wrong side, detail in words.
    """
    label = samples["label"].astype(str)
    group = samples["group"].astype(str)
    named = samples.columns.drop(list(_RESERVED), errors="ignore")
    texts = {name: samples[name].fillna("").astype(str) for name in named}
    sources = [source, *(name for name in named if _states_label(texts[name], label))]
    rows = []
    for name in named:
        kind, off = _kind(name, texts[name], label, group, sources)
        number = group.nunique()
        association = cramers_v(texts[name], label)
        row = (name, texts[name].nunique(), number, association, kind, name in accepted, off)
        rows.append((*row, _detail(kind, off, number)))
    for name, values in (measured or {}).items():
        own = samples["sample"].astype(str).map(values)
        kind, off = _kind_of_order(name, own, label, group) or (KINDS[-1], 0)
        number = group.nunique()
        row = (name, own.nunique(), number, float("nan"), kind, name in accepted, off)
        rows.append((*row, _detail(kind, off, number)))
    return pd.DataFrame(rows, columns=COLUMNS)


def confounders(judged: pd.DataFrame) -> list[Confounder]:
    """List the characteristics that tell the classes apart and were not accepted, exact ones
    first."""
    found = judged[judged["kind"].isin(CONFOUNDING) & ~judged["accepted"].astype(bool)]
    ranked = found.assign(at=found["kind"].map(CONFOUNDING.index)).sort_values(
        ["at", "off"], kind="stable"
    )
    return [Confounder(str(row.characteristic), str(row.detail)) for row in ranked.itertuples()]


def accepted_names(judged: pd.DataFrame) -> list[str]:
    """List the characteristics that tell the classes apart and were accepted."""
    found = judged["kind"].isin(CONFOUNDING) & judged["accepted"].astype(bool)
    return judged.loc[found, "characteristic"].astype(str).tolist()


def renamed(judged: pd.DataFrame) -> list[str]:
    """List the characteristics that are the label under another name or in a finer division."""
    return judged.loc[judged["kind"].isin((RENAMES, FINER)), "characteristic"].astype(str).tolist()


def _detail(kind: str, off: int, groups: int) -> str:
    all_but = f"all but {off} of {groups} groups"
    return {
        FOLLOWS: "each of its values occurs in one class only",
        SEPARATES: "one threshold on it separates the classes",
        NEARLY: f"its values tell the class of {all_but}",
        NEARLY_SEPARATES: f"one threshold on it separates {all_but}",
        RENAMES: "divides the samples as the label does, under another name",
        FINER: "each of its values belongs to one class, which joins several of them",
    }.get(kind, "")


def _kind(
    name: str, values: pd.Series, label: pd.Series, group: pd.Series, sources: list[str]
) -> tuple[str, int]:
    follows = label.groupby(values).nunique().max() == 1
    if _states_label(values, label) or name == sources[0] != "":
        return STATES, 0
    if values.nunique() < 2:
        return "constant", 0
    if follows and (same := _says_the_same(name, values, label, sources)):
        return same, 0
    ordered = None if _NAMES_A_SAMPLE.search(name) else ordered_values.parsed(values)
    if ordered is not None and (told := _kind_of_order(name, ordered, label, group)):
        # Equal values in one class each are more than an order: few days, many samples on each.
        return (FOLLOWS, 0) if told[0] == SEPARATES and _repeats(values, group) else told
    return _kind_of_categories(values, label, group, _rare(name))


def _kind_of_categories(
    values: pd.Series, label: pd.Series, group: pd.Series, rare: float
) -> tuple[str, int]:
    if group.groupby(values).nunique().max() == 1:
        return "unique to each group", 0
    if label.groupby(values).nunique().max() == 1:
        if values.nunique() > group.nunique() / 2 and _by_chance(values, label, group, 0) > _RARE:
            return "unique to each group", 0
        return FOLLOWS, 0
    off = _off(values, label, group)
    if 0 < off <= _MOST_OFF and _by_chance(values, label, group, off) <= rare:
        return NEARLY, off
    return KINDS[-1], 0


def _repeats(values: pd.Series, group: pd.Series) -> bool:
    """Return whether values are few, or one of them is that of three groups or more."""
    shared = group.groupby(values).nunique().max()
    return values.nunique() <= group.nunique() / 2 or shared >= 3


def _kind_of_order(
    name: str, values: pd.Series, label: pd.Series, group: pd.Series
) -> tuple[str, int] | None:
    found = ordered_values.separation(values, label, group)
    if found is None or found.off > _MOST_OFF:
        return None
    technical = is_handling(name)
    if found.off == 0 and (technical or found.by_chance <= _RARE):
        return SEPARATES, 0
    if found.off and found.by_chance <= _rare(name):
        return NEARLY_SEPARATES, found.off
    return None


def _rare(name: str) -> float:
    return _RARE_IF_TECHNICAL if is_handling(name) else _RARE


def _says_the_same(name: str, values: pd.Series, label: pd.Series, sources: list[str]) -> str:
    """Tell another name of the label, or a finer division of it, from a confounder."""
    if is_handling(name) or not (_kin(name, sources) or _shares_words(values, label)):
        return ""
    return RENAMES if values.nunique() == label.nunique() else FINER


def _kin(name: str, sources: list[str]) -> bool:
    known = [source for source in sources if source and source != name]
    if any(source.lower() in name.lower() or name.lower() in source.lower() for source in known):
        return True
    return any(
        family.search(name) is not None and any(family.search(source) for source in known)
        for family in _FAMILIES
    )


def _shares_words(values: pd.Series, label: pd.Series) -> bool:
    """Return whether every value has a word of its class, of three letters at least, that no value
    of another class has."""
    pairs = pd.DataFrame({"value": values, "label": label}).drop_duplicates()
    words = [_words(value) & _words(name) for value, name in pairs.itertuples(index=False)]
    all_words = [_words(value) for value in pairs["value"]]
    for own, name in zip(words, pairs["label"], strict=True):
        others = [w for w, other in zip(all_words, pairs["label"], strict=True) if other != name]
        if not own - set().union(*others):
            return False
    return True


def _words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.lower()) if sum(map(str.isalpha, word)) >= 3}


def _states_label(values: pd.Series, label: pd.Series) -> bool:
    """Tell the characteristic that the label was read from, and others that state it in each of
    their values.

    The first holds the same texts, or one of those that the label joins or excludes; the second
    hold the name of their class, and of no other, among their words ('conflict.trained' for
    'trained'). Names of fewer than two letters could be anything and are not looked for.
    """
    words = {
        name: f" {' '.join(_WORD.findall(name.lower()))} "
        for name in sorted(set(label) | set(values))
    }
    names = sorted(set(label))
    if all(sum(map(str.isalpha, name)) >= 2 for name in names) and all(
        [other for other in names if words[other] in words[value]] == [name]
        for value, name in zip(values, label, strict=True)
    ):
        return True
    return all(
        value == name
        or value in name.split("|")
        or (name.startswith("not ") and value not in name.removeprefix("not ").split("|"))
        for value, name in zip(values, label, strict=True)
    )


def _off(values: pd.Series, label: pd.Series, group: pd.Series) -> int:
    """Count the groups that are not of their value's commonest class."""
    pairs = pd.DataFrame({"value": values, "label": label, "group": group}).drop_duplicates()
    crossed = pd.crosstab(pairs["value"], pairs["label"]).to_numpy()
    return int((crossed.sum(axis=1) - crossed.max(axis=1)).sum())


def _by_chance(values: pd.Series, label: pd.Series, group: pd.Series, most_off: int) -> float:
    """Share of random labellings of the groups that follow from the values as well."""
    pairs = pd.DataFrame({"group": group, "value": values}).drop_duplicates()
    groups, of_pair = np.unique(pairs["group"].to_numpy(dtype=str), return_inverse=True)
    levels, level = np.unique(pairs["value"].to_numpy(dtype=str), return_inverse=True)
    first = label.groupby(group).first().reindex(groups)
    codes, names = pd.factorize(first)
    random = np.random.default_rng(0)
    follows = 0
    for _ in range(_DRAWS):
        drawn = random.permutation(codes)[of_pair]
        crossed = np.zeros((len(levels), len(names)))
        np.add.at(crossed, (level, drawn), 1)
        follows += bool((crossed.sum(axis=1) - crossed.max(axis=1)).sum() <= most_off)
    return follows / _DRAWS
