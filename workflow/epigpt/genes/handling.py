"""Genes that handling moves: immediate early genes, heat shock, stress hormones."""

from collections.abc import Sequence

from epigpt.genes.annotation import ORGANISMS, read_own

KINDS = ("immediate_early", "heat_shock", "stress_hormone")


def kinds(organism: str | None, symbols: Sequence[str]) -> list[str]:
    """Name the kind of each gene, by its symbol: one of `KINDS`, or ''; '' throughout for an
    unknown organism."""
    if organism not in ORGANISMS:
        return [""] * len(symbols)
    table = read_own("handling.tsv")
    named = zip(table["kind"], table[organism].str.split("|"), strict=True)
    known = {symbol: kind for kind, own in named for symbol in own if symbol}
    return [known.get(symbol, "") for symbol in symbols]
