"""Whether the genes that decide crowd one place of the genome, as they do in knock-out and congenic
lines, whose edited gene travels with its neighbours on the chromosome.

Such lines are told apart without any disease: a scan finds the stretch of at most `WINDOW` bases
that holds more deciding genes than its share of genes lets expect, and compares it with random
draws of as many genes that the data set has.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import hypergeom

from epigpt.genes.positions import GENOMES, locate

# The genes of a model that count as deciding.
DECIDING = 20
# Flanks of an edited gene reach some ten million bases to either side after ten backcrosses.
WINDOW = 20_000_000
FLANK = 10_000_000
FEWEST, SIGNIFICANT = 3, 0.005
_DRAWS, _SEED = 1999, 20_190_613
_TIE = 1e-9
_SHORTEST_SYMBOL = 3


@dataclass(frozen=True)
class Locus:
    """A place that deciding genes crowd.

    Attributes
    ----------
    model
        Whose deciding genes they are.
    chromosome, start, end
        First to last of the crowded genes, widened by `FLANK` on both sides: what is left out to
        score again.
    genes
        Their ids, by place.
    symbols
        Their symbols.
    deciding
        Genes of the model that were looked at and have a known place.
    p
        Share of random draws (the list itself included) that crowd as much somewhere.
    named
        The gene of this place that the classes are named after; empty where they are not.
    """

    model: str
    chromosome: str
    start: int
    end: int
    genes: tuple[str, ...]
    symbols: tuple[str, ...]
    deciding: int
    p: float
    named: str = ""


def crowded(
    organism: str,
    deciding: Mapping[str, Sequence[str]],
    genes: pd.DataFrame,
    classes: Sequence[str] = (),
) -> Locus | None:
    """Return the place that some model's deciding genes crowd most clearly; None where none do, or
    where the places of the organism's genes are not known.

    Parameters
    ----------
    organism
        Of `epigpt.genes.positions.GENOMES`, others have no places.
    deciding
        Genes of each model, the most important first; `DECIDING` of them are looked at.
    genes
        Index: ids of all genes that a model could have chosen; column symbol.
    classes
        Their names: a gene named there that decides is a place of its own.
    """
    if organism not in GENOMES:
        return None
    places = locate(organism, list(genes.index), list(genes["symbol"]))
    places["symbol"] = genes["symbol"].to_numpy(dtype=str)
    places = places[places["chromosome"] != ""].sort_values(["chromosome", "middle"])
    found = []
    for model, listed in deciding.items():
        own = places[places.index.isin(list(listed)[:DECIDING])]
        found += [_scan(model, own, places), _named(model, own, places, classes)]
    clear = [one for one in found if one is not None and one.p <= SIGNIFICANT]
    return min(clear, key=lambda one: (one.p, -len(one.genes), one.model), default=None)


def within(locus: Locus, organism: str, genes: pd.DataFrame) -> np.ndarray:
    """Return which genes lie in the place, bool, in the order of `genes`."""
    places = locate(organism, list(genes.index), list(genes["symbol"]))
    inside = places["middle"].between(locus.start, locus.end)
    return ((places["chromosome"] == locus.chromosome) & inside).to_numpy()


def _scan(model: str, own: pd.DataFrame, places: pd.DataFrame) -> Locus | None:
    if len(own) < FEWEST:
        return None
    line = _line(places)
    ranks = np.sort(np.flatnonzero(places.index.isin(own.index)))
    smallest, first, number = _most_crowded(ranks[None, :], line)
    if not number[0]:
        return None
    random = np.random.default_rng(_SEED)
    drawn = np.stack([random.choice(len(line), len(ranks), replace=False) for _ in range(_DRAWS)])
    by_chance, *_ = _most_crowded(np.sort(drawn, axis=1), line)
    as_crowded = int((by_chance <= smallest[0] + _TIE).sum())
    inside = own.iloc[first[0] : first[0] + number[0]]
    return _locus(model, inside, len(own), (as_crowded + 1) / (_DRAWS + 1))


def _most_crowded(ranks: np.ndarray, line: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find in each list the stretch of at most `WINDOW` bases that holds more of its genes than
    its number of genes lets expect: a stretch poor in genes is crowded by few.

    Parameters
    ----------
    ranks
        Lists × genes: numbers of the genes in the order of `line`, ascending in each list.
    line
        Place of every gene that a list could hold.

    Returns
    -------
    For each list the logarithm of the hypergeometric tail (0 where no stretch holds `FEWEST`), and
    the first and the number of the stretch's genes in the list.
    """
    lists, length = ranks.shape
    smallest = np.zeros(lists)
    first, number = np.zeros(lists, dtype=np.int64), np.zeros(lists, dtype=np.int64)
    for held in range(FEWEST, length + 1):
        low, high = ranks[:, : length - held + 1], ranks[:, held - 1 :]
        row, start = np.nonzero(line[high] - line[low] <= WINDOW)
        if not len(row):
            break  # what holds more spans more
        genes = high[row, start] - low[row, start] + 1
        tail = hypergeom.logsf(held - 1, len(line), genes, length)
        for at in np.argsort(-tail, kind="stable"):  # the smallest comes last and stays
            if tail[at] < smallest[row[at]] - _TIE:
                smallest[row[at]], first[row[at]] = tail[at], start[at]
                number[row[at]] = held
    return smallest, first, number


def _named(
    model: str, own: pd.DataFrame, places: pd.DataFrame, classes: Sequence[str]
) -> Locus | None:
    """Return the gene that the classes are named after, where it decides: the edited one."""
    words = {word.upper() for name in classes for word in re.split(r"[^A-Za-z0-9.]+", name)}
    words |= {re.sub(r"(KO|HET|CKO)$", "", word) for word in words}
    said = places["symbol"].str.upper().isin({w for w in words if len(w) >= _SHORTEST_SYMBOL})
    known = places[said]
    hit = own[own.index.isin(known.index)]
    if hit.empty:
        return None
    p = float(hypergeom.sf(len(hit) - 1, len(places), len(known), len(own)))
    return _locus(model, hit.iloc[:1], len(own), p, str(hit["symbol"].iloc[0]))


def _locus(model: str, inside: pd.DataFrame, deciding: int, p: float, named: str = "") -> Locus:
    return Locus(
        model=model,
        chromosome=str(inside["chromosome"].iloc[0]),
        start=max(1, int(inside["middle"].min()) - FLANK),
        end=int(inside["middle"].max()) + FLANK,
        genes=tuple(inside.index.astype(str)),
        symbols=tuple(inside["symbol"].astype(str)),
        deciding=deciding,
        p=p,
        named=named,
    )


def _line(places: pd.DataFrame) -> np.ndarray:
    """Put the chromosomes one behind the other, further apart than any window reaches."""
    codes = pd.Categorical(places["chromosome"]).codes.astype(np.int64)
    return codes * 10**10 + places["middle"].to_numpy(dtype=np.int64)
