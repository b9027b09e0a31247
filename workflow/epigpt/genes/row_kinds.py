"""Which rows of a count table are not genes of its organism, whatever they are called."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np

from epigpt.genes.annotation import ENSEMBL_PREFIX, ORGANISMS, annotation, other_names
from epigpt.genes.patterns import (
    ENSEMBL,
    ENSEMBL_SPECIES,
    ENTREZ,
    REFSEQ,
    SPIKE_IN_ROW,
    TRAILER_ROW,
    kind_of,
    without_assembly,
)

NO_IDENTIFIER = "no identifier"
TRAILER = "summary row of the counting program, not a gene"
SPIKE_IN = "spike-in, not a gene of the organism"
TRANSGENE = "reporter or transgene, not a gene of the organism"
ANTIBODY = "antibody or tag, not a gene"
OTHER_KIND = "not named like the genes of this table"
NOT_A_GENE = "not the name of a gene"

_ANTIBODY = re.compile(r".*\|pAbO|.*[|_ -](TotalSeq|ADT|AbSeq|HTO)[A-Z]?\d*", re.IGNORECASE)
_TRANSGENE = re.compile(
    r"(e|m|d2|sf)?(gfp|yfp|rfp|cfp|bfp)|(td)?tomato|m?cherry|(i|ert2?|ngc|p?cag)?-?cre(-?ert2?)?"
    r"|lac-?z|(f|r|nano)?luc(iferase)?|hygror?|neor?|puror?|wpre|rtta|tta|cas9|phix(174)?|mko2"
    r"|dtr|hm[34]dq?i?|gcamp\w*|chr2|tdtomato[-_]\w+|egfp[-_]\w+",
    re.IGNORECASE,
)
_ASSEMBLY_SPECIES = (
    (re.compile(r"(GRCh3[78]|hg(19|38)|human)[._:-]", re.IGNORECASE), "human"),
    (re.compile(r"(GRCm3[89]|mm(9|10|39)|mouse)[._:-]", re.IGNORECASE), "mouse"),
    (re.compile(r"(Rnor_?6(\.0)?|mRatBN7(\.2)?|rn[67]|rat)[._:-]", re.IGNORECASE), "rat"),
    (re.compile(r"(GRCz1[01]|danRer1[01]|zebrafish)[._:-]", re.IGNORECASE), "zebrafish"),
)
# Names that annotations give to what has no symbol of its own: they exist although no table of
# symbols lists them.
_SYSTEMATIC = re.compile(
    r"LOC\d+|Gm\d+|RGD\d+|\w{7,}Rik\w*|[A-Z]{1,4}\d{5,8}([._-]\d+)?|RP\d+-[\w.]+|CT[ABCD]-[\w.]+"
    r"|(si|zgc|im|sc|wu|id|cr|tr):[\w.-]+|C\d+orf\d+|C[A-Z0-9]+H\w*orf\d+|MT[-_.]\w+|HLA[-_.]\w+"
    r"|[A-Z]?[A-Za-z]*(mir|let|linc|snor|scarn|rnu|tRNA|rRNA|snRNA|lncRNA|miR)[\w.:-]*\d\w*"
    r"|Trn[A-Z]\d?|\w*_(RNA|rRNA|SRP|tRNA)\d*|7SK|U\d{1,2}|BX\d+|CU\d+|ENS[A-Z]*\d+|KIAA\d+|FAM\d+\w*"
    r"|(FLJ|DKFZ|MGC|XX|AABR|CH\d|RNF|ZNF|Zfp|OR|Olfr|Vmn|TR[ABGD]|IG[HKL])\w*\d\w*(\.\d+)?",
    re.IGNORECASE,
)
_ABOUT_SAMPLES = re.compile(
    r"(body|brain|library|norm|size|sample|animal|mouse|patient|donor|subject|total|mean|median"
    r"|n|no|num|number|log|percent|pct|max|min)?[ ._-]*"
    r"(age|sex|gender|weight|batch|group|condition|treatment|treated|genotype|animal|mouse|subject"
    r"|patient|donor|sample|replicate|total|sum|size|factor|depth|reads?|mapped|unmapped|rin|ph|pmi"
    r"|dose|time|day|week|hour|month|seizures?|score|counts?|genes?|features?|umis?|mito|percent"
    r"|lane|plate|well|run|barcode|index|tissue|region|strain|diet|latency|duration|severity|stage"
    r"|class|label|case|control|status|frequency|cluster|reads[ ._-]*mapped)"
    r"([ ._-]+(in|per|of|at|for)?[ ._-]*[a-z]+|[ ._-]*(g|kg|mg|h|d|id|rna|no))*",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"r_.+|\([ACGT]+\)n.*|.*[\s=%,?!<>\[\]{}\"].*|.*\(.*=.*|[^()]*\([^()]*,[^()]*\)|\d+\.\d+"
)
_MOST_AT_EDGE = 50


def other_species(organism: str) -> str:
    """Word the reason for a row that is a gene of another species."""
    return f"gene of another species ({organism})"


def reasons(names: Sequence[str], kind: str, organism: str | None) -> list[str]:
    """Return, for each row, why it is not a gene of the table's organism; "" where it is one.

    A row is set aside for what it is, not for what it is called: it is named unlike the other rows
    (text among Ensembl or Entrez ids), belongs to another species, or no species has a gene of its
    name and it stands above or below all genes or is worded like a property of samples.

    Parameters
    ----------
    names
        Row names without quotes.
    kind
        What `id_kinds.id_type` said of them.
    organism
        The species of the data set; None where it is open, then rows of every species stay.
    """
    reason_of = [_by_itself(name, organism) for name in names]
    if kind == "ensembl":
        _mark(reason_of, names, lambda name: ENSEMBL.search(name) is None, _mixed(names, organism))
    elif kind == "entrez":
        _mark(reason_of, names, lambda name: ENTREZ.fullmatch(without_assembly(name)) is None)
    elif kind == "refseq":
        _mark(reason_of, names, lambda name: REFSEQ.match(name) is None)
    elif kind == "symbol":
        _of_symbols(reason_of, names, organism)
    return reason_of


def _mark(
    reason_of: list[str],
    names: Sequence[str],
    unlike: Callable[[str], bool],
    spared: frozenset[str] = frozenset(),
) -> None:
    for index, name in enumerate(names):
        if not reason_of[index] and name not in spared and unlike(name):
            reason_of[index] = TRANSGENE if _TRANSGENE.fullmatch(name) else OTHER_KIND


def _by_itself(name: str, organism: str | None) -> str:
    if not name or name in ("?", "NA", "nan", "None", "null", "-"):
        return NO_IDENTIFIER
    if TRAILER_ROW.fullmatch(name):
        return TRAILER
    if SPIKE_IN_ROW.fullmatch(without_assembly(name)):
        return SPIKE_IN
    if _ANTIBODY.fullmatch(name):
        return ANTIBODY
    if organism is not None and (own := species_of(name)) and own != organism:
        return other_species(own)
    return ""


def species_of(name: str) -> str:
    """Name the species that an id carries in itself, by its Ensembl prefix or its assembly; "" if
    it carries none."""
    for pattern, species in _ASSEMBLY_SPECIES:
        if (prefix := pattern.match(name)) and prefix.end() < len(name):
            return species
    if match := ENSEMBL_SPECIES.search(name):
        return _BY_PREFIX.get(match.group(1), f"Ensembl's {match.group(1)}")
    return ""


_BY_PREFIX = {prefix: species for species, prefix in ENSEMBL_PREFIX.items()}


def _mixed(names: Sequence[str], organism: str | None) -> frozenset[str]:
    """Return the symbols in a table of Ensembl ids where they are many: genes that the table's
    makers could name by nothing else."""
    others = {name for name in names if ENSEMBL.search(name) is None and kind_of(name) == "symbol"}
    species = [organism] if organism in ENSEMBL_PREFIX else list(ORGANISMS)
    known = frozenset(
        name for name in others if any(name in annotation(one).known for one in species if one)
    )
    return known if len(known) >= 0.05 * len(names) else frozenset()


def _of_symbols(reason_of: list[str], names: Sequence[str], organism: str | None) -> None:
    bare = [without_assembly(name).split("|")[0] for name in names]
    species = [organism] if organism in ENSEMBL_PREFIX else list(ORGANISMS)
    known = [any(_exists(name, one) for one in species if one) for name in bare]
    genome_wide = all(annotation(one).genome_wide for one in species if one)
    elsewhere = _of_another(bare, organism) if organism in ENSEMBL_PREFIX else {}
    for index, name in enumerate(bare):
        if reason_of[index] or known[index]:
            continue
        if name in elsewhere:
            reason_of[index] = other_species(elsewhere[name])
        elif _TRANSGENE.fullmatch(name):
            reason_of[index] = TRANSGENE
        elif _NEVER.fullmatch(name) or _ABOUT_SAMPLES.fullmatch(name) or _worded(name, organism):
            reason_of[index] = NOT_A_GENE
    if genome_wide and np.mean(known) >= 0.5:
        for index in _edges(known, bare):
            reason_of[index] = reason_of[index] or NOT_A_GENE


def _worded(name: str, organism: str | None) -> bool:
    """Return whether a name is made of plain words, as no gene of the species is:
    `seizures_per_week`."""
    if organism == "zebrafish" or _SYSTEMATIC.fullmatch(name):
        return False
    words = re.split(r"[ ._]+", name)
    return len(words) > 1 and all(
        re.fullmatch(r"[a-z]{2,}|[A-Z]?[a-z]{3,}", word) for word in words
    )


def _edges(known: Sequence[bool], names: Sequence[str]) -> list[int]:
    """Return the rows above the first and below the last gene that some table knows; those with
    systematic names are genes."""
    first = next((index for index, yes in enumerate(known) if yes), 0)
    last = next((index for index in range(len(known) - 1, -1, -1) if known[index]), len(known) - 1)
    rows = [
        *range(min(first, _MOST_AT_EDGE)),
        *range(max(last + 1, len(known) - _MOST_AT_EDGE), len(known)),
    ]
    return [index for index in rows if not _SYSTEMATIC.fullmatch(names[index])]


@cache
def _folded(organism: str) -> frozenset[str]:
    names = annotation(organism).known | other_names(organism)
    return frozenset(name.casefold() for name in names)


def _exists(name: str, organism: str) -> bool:
    """Return whether a species has a gene of the name, in any case of letters, now or in the past;
    R turns dashes into dots and numbers repeated names."""
    folded, text = _folded(organism), name.casefold()
    if text in folded or ENSEMBL.search(name) is not None:
        return True
    return text.replace(".", "-") in folded or re.sub(r"[._-]\d+$", "", text) in folded


def _of_another(names: Sequence[str], organism: str | None) -> Mapping[str, str]:
    """Return the symbols spelt as another species spells its own, where there are so many that a
    second genome was counted."""
    own = annotation(str(organism)).known
    if sum(name in own for name in names) < 0.2 * len(names):
        return {}
    for species in ORGANISMS:
        if species == organism or {species, organism} == {"mouse", "rat"}:
            continue
        theirs = annotation(species).known
        only = {name: species for name in names if name in theirs and name not in own}
        if len(only) >= 0.2 * len(names):
            return only
    return {}


def assembly_species(names: Sequence[str]) -> dict[str, int]:
    """Count the rows of each species, as their ids say it themselves."""
    counted: dict[str, int] = {}
    for name in names:
        if species := species_of(name):
            counted[species] = counted.get(species, 0) + 1
    return counted
