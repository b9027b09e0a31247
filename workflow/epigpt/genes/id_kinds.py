"""Which kind of gene ids a matrix has, and of which organism."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from epigpt.genes.annotation import ENSEMBL_PREFIX, ORGANISMS, annotation, own_genes
from epigpt.genes.patterns import (
    ENSEMBL_SPECIES,
    counts_rows,
    genes_only,
    kind_of,
    without_assembly,
)

KINDS = ("ensembl", "symbol", "entrez", "refseq", "probe")
_ONLY_MOUSE = re.compile(r"Gm\d{3,5}|[0-9A-F]{7}[A-Z]\d{2}Rik")
_ONLY_RAT = re.compile(r"RGD\d{5,}|AABR\d+\.\d+")
REFSEQ_MITOCHONDRIAL = frozenset(
    [
        "ND1",
        "ND2",
        "ND3",
        "ND4",
        "ND4L",
        "ND5",
        "ND6",
        "COX1",
        "COX2",
        "COX3",
        "ATP6",
        "ATP8",
        "CYTB",
    ]
)


def id_shares(ids: Iterable[Any]) -> dict[str, float]:
    """Return, for each of `KINDS`, the share of `ids` that looks like it; summary rows and
    spike-ins do not count.

    Numbers that merely count the rows are no Entrez ids. A symbol must look like one; whether
    enough of them exist is for `id_type`.
    """
    texts = genes_only(ids)
    if not texts:
        return dict.fromkeys(KINDS, 0.0)
    counts = Counter(kind_of(text) for text in texts)
    if counts_rows(texts):
        counts["entrez"] = 0
    return {kind: counts[kind] / len(texts) for kind in KINDS}


def id_type(ids: Iterable[Any]) -> str:
    """Name the kind of most `ids`: 'ensembl', 'symbol', 'entrez', 'refseq', 'probe' or 'unknown'.

    Names are called symbols only when at least a fifth of them exists in a species we know (or
    three marker genes do, where no genome-wide table is installed): sample names have the shape of
    symbols too.
    """
    names = list(ids)
    shares = id_shares(names)
    kind = max(KINDS, key=lambda name: shares[name])
    if shares[kind] < 0.5:
        return "unknown"
    if kind == "symbol" and not _exist(names):
        return "unknown"
    return kind


def organism_shares(ids: Iterable[Any]) -> dict[str, float]:
    """Return, for each of `ORGANISMS`, the share of `ids` that is its own: by Ensembl prefix, else
    by symbols spelt exactly so."""
    texts = genes_only(ids)
    prefixes = _ensembl_prefixes(texts)
    if prefixes:
        return {name: prefixes[ENSEMBL_PREFIX[name]] / sum(prefixes.values()) for name in ORGANISMS}
    names = plain_symbols(texts)
    return {name: len(names & annotation(name).known) / max(1, len(names)) for name in ORGANISMS}


def guess_organism(ids: Iterable[Any]) -> str | None:
    """Name the species that the ids belong to, or None when they leave it open (or belong to a
    species outside `ORGANISMS`).

    Ensembl ids decide when four fifths carry one prefix. Symbols decide when the best species knows
    a fifth of them and clearly more than the next one: mouse and rat share most names, so a short
    list of them stays open. Where no genome-wide table is installed, ten marker genes spelt as in
    one species decide, and names that only MGI or RGD give tell mouse from rat.
    """
    texts = genes_only(ids)
    shares = organism_shares(texts)
    best, second = sorted(shares, key=lambda name: (-shares[name], name))[:2]
    if _ensembl_prefixes(texts):
        return best if shares[best] >= 0.8 else None
    if not all(annotation(name).genome_wide for name in ("human", "mouse", "rat")):
        return _organism_by_markers(plain_symbols(texts))
    margin = 0.05 if {best, second} == {"mouse", "rat"} else 0.1
    return best if shares[best] >= 0.2 and shares[best] - shares[second] >= margin else None


def _ensembl_prefixes(texts: Sequence[str]) -> Counter[str]:
    """Count Ensembl prefixes; empty unless at least half of the ids have one."""
    prefixes = Counter(match.group(1) for text in texts if (match := ENSEMBL_SPECIES.search(text)))
    return prefixes if sum(prefixes.values()) >= 0.5 * max(1, len(texts)) else Counter()


def plain_symbols(texts: Iterable[str]) -> set[str]:
    """Return the symbols without what tells assemblies apart."""
    return {without_assembly(text).split("|")[0] for text in texts}


def _organism_by_markers(names: set[str]) -> str | None:
    own_genes_of = {name: len(names & set(own_genes(name)["symbol"])) for name in ORGANISMS}
    rodent = max(own_genes_of["mouse"], own_genes_of["rat"])
    if own_genes_of["human"] >= 10 and own_genes_of["human"] > 2 * max(
        rodent, own_genes_of["zebrafish"]
    ):
        return "human"
    if own_genes_of["zebrafish"] >= 10 and own_genes_of["zebrafish"] > 2 * max(
        rodent, own_genes_of["human"]
    ):
        return "zebrafish"
    if rodent < 10 or rodent <= 2 * max(own_genes_of["human"], own_genes_of["zebrafish"]):
        return None
    only_mouse = sum(bool(_ONLY_MOUSE.fullmatch(name)) for name in names)
    only_rat = sum(bool(_ONLY_RAT.fullmatch(name)) for name in names)
    if max(only_mouse, only_rat) < 5 or min(only_mouse, only_rat) > 0.2 * max(only_mouse, only_rat):
        return None
    return "mouse" if only_mouse > only_rat else "rat"


def _exist(names: Sequence[Any]) -> bool:
    texts = plain_symbols(genes_only(names))
    most = 0
    for organism in ORGANISMS:
        most = max(most, len(texts & annotation(organism).known))
        if most >= 0.2 * len(texts):
            return True
    return most >= 3 and not all(annotation(name).genome_wide for name in ORGANISMS)
