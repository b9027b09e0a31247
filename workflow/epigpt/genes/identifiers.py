"""What a row name of a count table means: its kind, its species, and the one gene it stands for."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from epigpt.genes.annotation import ENSEMBL_PREFIX, annotation, read_own
from epigpt.genes.id_kinds import REFSEQ_MITOCHONDRIAL, id_shares, id_type
from epigpt.genes.patterns import (
    BIOTYPE,
    ENSEMBL,
    NEVER_SYMBOL,
    OF_TRANSCRIPT,
    SYMBOL,
    text_of,
    without_assembly,
)
from epigpt.genes.row_kinds import reasons
from epigpt.genes.spreadsheet import dates

_MOST_NAMED = 12
DATE = "symbol that a spreadsheet turned into a date"


@dataclass
class _Named:
    gene: str
    symbol: str = ""
    reason: str = ""


def canonical(
    ids: Sequence[Any],
    organism: str | None,
    symbols: Sequence[Any] | None = None,
    id_kind: str | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return each row of a count table the one gene it stands for.

    The canonical id is the Ensembl id without its version where the table has Ensembl ids, else the
    symbol, else whatever the table has. Case is never changed: `Sst` and `SST` are different names.
    Rows with the same canonical id are one gene; their counts are for the caller to sum. Summary
    rows of counting programs, spike-ins, rows without a name and symbols turned into dates are set
    aside with their reason.

    Parameters
    ----------
    ids
        Row names, one per row of the table.
    organism
        One of `ORGANISMS`, or None: then no symbol can be looked up.
    symbols
        A symbol column of the same table, if it has one; empty cells are looked up.
    id_kind
        What `id_type` said, if the caller knows it.

    Returns
    -------
    rows
        original, gene, symbol, keep (bool), reason; one row per id, in the same order. Without a
        known symbol it equals `gene`.
    summary
        id_type, share, organism, canonical, how, n_in, n_out, summed (rows merged into another),
        dropped (rows by reason), set_aside (the first names by reason), versions_stripped,
        symbols_from, symbol_share, dates (id: what it
        may have been).
    """
    names = [text_of(name) for name in ids]
    kind = id_kind or id_type(names)
    mangled = dates(names) if kind in ("symbol", "unknown") else {}
    why = reasons(names, kind, organism)
    named = [
        _name(name, kind, name in mangled, reason) for name, reason in zip(names, why, strict=True)
    ]
    given = [""] * len(names)
    if symbols is not None:
        given = [without_assembly(text_of(symbol)) for symbol in symbols]
    origin = _add_symbols(named, given, organism)
    rows = pd.DataFrame(
        {
            "original": names,
            "gene": [entry.gene for entry in named],
            "symbol": [entry.symbol or entry.gene for entry in named],
            "keep": np.array([not entry.reason for entry in named], dtype=bool),
            "reason": [entry.reason for entry in named],
        }
    )
    kept = rows[rows["keep"]]
    summary = {
        "id_type": kind,
        "share": id_shares(names).get(kind, 0.0),
        "organism": organism,
        "canonical": (
            {
                "ensembl": "Ensembl gene id",
                "symbol": "symbol",
                "entrez": "Entrez gene id",
            }.get(kind, "as in the table")
        ),
        "n_in": len(rows),
        "n_out": int(kept["gene"].nunique()),
        "summed": int(len(kept) - kept["gene"].nunique()),
        "dropped": {
            str(reason): int(count)
            for reason, count in sorted(Counter(rows.loc[~rows["keep"], "reason"]).items())
        },
        "set_aside": names_by_reason(rows["original"].tolist(), rows["reason"].tolist()),
        "versions_stripped": sum(
            bool(match and match.group(2)) for match in map(ENSEMBL.search, names)
        ),
        "symbols_from": origin,
        "symbol_share": (
            float((kept["symbol"] != kept["gene"]).mean())
            if kind != "symbol" and len(kept)
            else 1.0
        ),
        "dates": {name: mangled[name] for name in sorted(mangled)},
    }
    summary["how"] = _sentence(summary)
    return rows, summary


def names_by_reason(names: Sequence[str], why: Sequence[str]) -> dict[str, list[str]]:
    """Return the first names of the rows that are set aside for each reason."""
    names_of: dict[str, list[str]] = {}
    for name, reason in zip(names, why, strict=True):
        if reason and name and len(listed := names_of.setdefault(reason, [])) < _MOST_NAMED:
            listed.append(name)
    return dict(sorted(names_of.items()))


def add_set_aside(summary: dict[str, Any], aside: Mapping[str, Sequence[str]]) -> None:
    """Count in a summary the rows that were set aside before, by reason, and say it again."""
    for reason, names in aside.items():
        summary["n_in"] += len(names)
        summary["dropped"][reason] = summary["dropped"].get(reason, 0) + len(names)
        listed = [*summary["set_aside"].get(reason, []), *filter(None, names)]
        if listed:
            summary["set_aside"][reason] = listed[:_MOST_NAMED]
    summary["dropped"] = dict(sorted(summary["dropped"].items()))
    summary["set_aside"] = dict(sorted(summary["set_aside"].items()))
    summary["how"] = _sentence(summary)


def mitochondrial(symbols: Sequence[str], genes: Sequence[str], organism: str | None) -> np.ndarray:
    """Mark the genes of the mitochondrial genome.

    By symbol (MT- in human, mt- in mouse and zebrafish, mt- or Mt- in rat; RefSeq's bare ND1, COX1,
    CYTB … where most of them are present), and by Ensembl or Entrez id through EpiGPT's own table.

    Returns
    -------
    numpy.ndarray of bool, shape (n_genes,)
    """
    table = read_own("mitochondrial.tsv")
    table = table if organism is None else table[table["organism"] == organism]
    by_id = (set(table["ensembl"]) | set(table["entrez"])) - {""}
    pattern = {"human": r"MT-", "mouse": r"mt-", "rat": r"[Mm]t-", "zebrafish": r"mt-"}.get(
        organism or "", r"(MT|[Mm]t)-"
    )
    names = pd.Series(list(symbols), dtype=str)
    mask = names.str.match(pattern).to_numpy(dtype=bool) | np.isin(
        np.asarray(genes, dtype=str), sorted(by_id)
    )
    bare = names.isin(REFSEQ_MITOCHONDRIAL)
    return mask | bare.to_numpy(dtype=bool) if bare.sum() >= 8 else mask


def _name(text: str, kind: str, mangled: bool, reason: str) -> _Named:
    if reason and not mangled:
        return _Named(text, reason=reason)
    if match := ENSEMBL.search(text):
        return _Named(match.group(1), _beside(text, match))
    if mangled:
        return _Named(text, reason=DATE)
    plain = without_assembly(text)
    if kind == "entrez":
        return _Named(plain.removesuffix(".0"))
    first = plain.split("|")[0]  # TCGA writes symbol|Entrez id
    return _Named(plain if first in ("", "?") else first)


def _beside(text: str, match: re.Match[str]) -> str:
    """Find the symbol in a composite id such as ENSG00000132170|PPARG|protein_coding or
    PPARG_ENSG00000132170."""
    around = (without_assembly(text[: match.start()]), text[match.end() :])
    parts = [part.strip(" _:-") for side in around for part in re.split(r"[|;,\s]+", side)]
    fitting = (
        part
        for part in parts
        if SYMBOL.fullmatch(part)
        and not BIOTYPE.fullmatch(part)
        and not ENSEMBL.search(part)
        and not NEVER_SYMBOL.fullmatch(part)
        and not OF_TRANSCRIPT.fullmatch(part)
    )
    return next(fitting, "")


def _add_symbols(named: list[_Named], given: list[str], organism: str | None) -> str:
    """Fill the symbols in place: those of the table first, the rest looked up by Ensembl id. Say
    where they came from."""
    table = annotation(organism) if organism in ENSEMBL_PREFIX else None
    lookup = table.symbols.to_dict() if table is not None else {}
    origins = set()
    useless = dates(given).keys() | {"", "NA", "nan", "-"}
    for entry, symbol in zip(named, given, strict=True):
        if symbol not in useless:
            entry.symbol = symbol
        if entry.symbol:
            origins.add("the count table")
        elif entry.gene in lookup:
            entry.symbol = lookup[entry.gene]
            origins.add(table.source if table is not None else "")
    return " and ".join(sorted(origins)) or "none"


def _named(summary: dict[str, Any], reason: str, count: int) -> str:
    names = summary["set_aside"].get(reason, [])[:4]
    return f": {', '.join(names)}{' …' if count > len(names) else ''}" if names else ""


def _sentence(summary: dict[str, Any]) -> str:
    text = (
        f"{summary['n_in']} rows named by {summary['id_type']} ids became {summary['n_out']} genes"
        f" ({summary['canonical']})"
    )
    if summary["versions_stripped"]:
        text += f"; version numbers removed from {summary['versions_stripped']}"
    if summary["summed"]:
        text += f"; counts of {summary['summed']} rows added to another row of the same gene"
    for reason, count in summary["dropped"].items():
        text += f"; {count} set aside ({reason}{_named(summary, reason, count)})"
    if summary["id_type"] != "symbol":
        text += f"; {summary['symbol_share']:.1%} have a symbol (from: {summary['symbols_from']})"
    return text + "."
