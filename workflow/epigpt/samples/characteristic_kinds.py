"""What a characteristic is about, by its name and values: a condition, or something that only
describes the sample."""

import re
from collections.abc import Iterable
from enum import IntEnum

from epigpt.samples.classes import is_reference


class Kind(IntEnum):
    """Kinds of characteristics, in the order in which `label: auto` considers them."""

    CONDITION = 0
    NEUTRAL = 1
    BIOLOGICAL = 2
    TECHNICAL = 3


# What the question is asked about, in the order of preference.
_CONDITIONS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"condition|\bgroup\b|intervention",
        r"treat|drug|\bdos(e|age)\b|compound|agent|stimul|diet|infect|inject|expos|challenge|hypoxi|training"
        r"|injur|lesion|surgery|seizure|kindl|\bmodel\b|perturb",
        r"genotyp|mutat|mutant|knock|transgen|variation|allele|\b(sg|sh|si|g)rna\b|construct",
        r"disease|diagnos|cancer|tumou?r|carcinoma|epilep|patholog|phenotyp|status|state|response|outcome|\bcase\b|affected"
        r"|patient type|subject type|sample type",
    )
]
_BIOLOGICAL = re.compile(
    r"\b(sex|gender|ages?|strain|background|race|ethnicity|ancestry|population|tissue|regions?"
    r"|area|organ|anatom\w*|cell ?(type|line|subtype)s?|celltype|cells|species|organism|stage"
    r"|dpf|time ?points?|time|day|hours?|weeks?|generation|litter|weight|bmi|height|hemisphere|side"
    r"|layer|cortex|source|development\w*|onset|duration|smok\w*|vital|menopaus\w*|marital"
    r"|hand(edness)?|passage|isolate|ploidy)\b",
    re.IGNORECASE,
)
# Ways of handling a sample.
_HANDLING = re.compile(
    r"batch|flow ?cell|sequenc|cent(er|re)\b|librar|instrument|platform|operator|technician"
    r"|protocol|cohort|quality|integrity|extraction|coverage|depth|(?<![a-z])dates?\b"
    r"|\b(runs?|lanes?|plates?|pools?|rin|rqn|kits?|labs?|laborator\w+|reads?|chip)\b",
    re.IGNORECASE,
)
# What else only keeps a sample apart from others, or was noted of it.
_BOOKKEEPING = re.compile(
    r"\b(year|well|pmi|post ?mortem\w*|ph|site|hospital|index|barcode|adapter"
    r"|cage|box|rack|position|flag\w*|replicate|rep|order"
    r"|concentration of rna|number|id|identifier|accession|name|volume|yield|fastq)\b",
    re.IGNORECASE,
)
_LITTER = r"litter|dam|clutch|brood"
_DONOR = re.compile(
    r"donor|patient|subject|individual|participant|animal"
    rf"|\b(mouse|rat|fish|{_LITTER}|person|case|brain)( ?(id|number|no|name))?$"
    r"|(mouse|rat|animal|donor|subject|fish)(id|number|uniqueidentifier)|^(unique )?ids?$"
    r"|sample name|\bindiv\w*",
    re.IGNORECASE,
)
_BIOLOGICAL_REPLICATE = re.compile(
    r"bio(logical)? ?rep(licate)?s?( ?(id|number|no|nr))?|biorep(licate)?", re.IGNORECASE
)
# "patient group", "animal model": about the donor, no name of it.
_ABOUT = re.compile(
    r"\b(group|type|status|state|model|age|sex|gender|species|strain|diet|treatment|condition|class"
    r"|cohort|source|tissue|diagnosis|weight|response|genotype|consent|history|background)\b",
    re.IGNORECASE,
)
# Words that make a measurement or a label of the sample out of what they stand beside.
_HARD = re.compile(r"\b(sex|gender|age|ages|batch|date|rin|pmi|lane|run)\b", re.IGNORECASE)


def kind_of(name: str, values: Iterable[str]) -> Kind:
    """Return what a characteristic is about.

    Sex, age, batch, dates and RNA quality never are a condition, whatever their values, and neither
    are ids of donors; of the others a name of a condition decides, then values of which one is
    called like a reference (control, wild type …), then names of what only describes a sample.
    """
    plain = _plain(name)
    hard = _HARD.search(plain)
    if not hard and _condition(plain) is not None:
        return Kind.CONDITION
    if names_donors(name):
        return Kind.TECHNICAL
    if not hard and any(map(is_reference, values)):
        return Kind.CONDITION
    if is_handling(name) or _BOOKKEEPING.search(plain):
        return Kind.TECHNICAL
    return Kind.BIOLOGICAL if _BIOLOGICAL.search(plain) else Kind.NEUTRAL


def _plain(name: str) -> str:
    return re.sub(r"[_./-]+", " ", name)


def is_handling(name: str) -> bool:
    """Return whether a characteristic is a way of handling samples, such as a batch, a date or a
    lane: where one of these goes with the classes, luck is no excuse."""
    return _HANDLING.search(_plain(name)) is not None


def names_donors(name: str) -> bool:
    """Return whether a characteristic is named like the id of an animal or a person."""
    plain = name.replace("_", " ")
    return bool(_DONOR.search(plain)) and not _ABOUT.search(plain)


def names_litters(name: str) -> bool:
    """Return whether what a name of donors names are litters or clutches, whose animals may be of
    both sexes and of several genotypes."""
    return bool(re.search(rf"\b({_LITTER})", name.replace("_", " "), re.IGNORECASE))


def names_biological_replicates(name: str) -> bool:
    """Return whether a characteristic counts biological replicates, which are donors where several
    samples are made of each."""
    return bool(_BIOLOGICAL_REPLICATE.fullmatch(_plain(name).strip()))


def preference(name: str) -> int:
    """Return the rank of a name within its kind: condition or group, treatment, genotype, disease,
    then names that only their values make a condition; sex and age behind tissue and cell type."""
    plain = _plain(name)
    rank = _condition(plain)
    if rank is not None:
        return rank
    return len(_CONDITIONS) + bool(re.search(r"\b(sex|gender|ages?)\b", plain, re.IGNORECASE))


def _condition(name: str) -> int | None:
    # "Time after treatment", "disease duration" and "cell type" are about something else.
    if re.search(
        r"\b(time|duration|onset|hours?|days?|number|id|smok\w*|vital|menopaus\w*|marital)\b",
        name,
        re.I,
    ):
        return None
    return next((rank for rank, pattern in enumerate(_CONDITIONS) if pattern.search(name)), None)


def of_subject(name: str) -> bool:
    """Return whether a donor has one value of it: sex, genotype, strain."""
    return bool(
        re.search(r"\b(sex|gender|genotype|strain|race|ethnicity)\b", name.replace("_", " "), re.I)
    )
