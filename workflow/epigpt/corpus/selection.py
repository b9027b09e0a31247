"""Which series a model may learn from: none that is tested with it, in whatever guise."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from epigpt.corpus import copies
from epigpt.corpus.shards import PANEL, Shard

_ACCESSION = re.compile(r"GS[EM][0-9]+")
_SHOWN = 3
TRAIN, HELD_OUT, LEFT_OUT = "train", "held out", "left out"
# With fewer series, one held back to stop by would be missed more than it tells.
FEWEST_TO_HOLD_OUT = 4


@dataclass(frozen=True)
class Tested:
    """A data set of the run, as the corpus must not hold it.

    Attributes
    ----------
    name
        Its id.
    accessions
        Of its series, SuperSeries and parts.
    samples
        Ids.
    panel
        Expression of its samples.
    """

    name: str
    accessions: frozenset[str]
    samples: frozenset[str]
    panel: copies.Panel


@dataclass(frozen=True)
class Decision:
    """Whether a series is used, and why not."""

    shard: Shard
    use: str
    reason: str = ""


def leak(shard: Shard, folder: Path, tested: Sequence[Tested]) -> str:
    """Return what a series shares with the data sets of the run; empty where it shares nothing.

    The checks, in order: the same series; a common SuperSeries or a part of it; the same GSM
    accessions; samples of the same counts, whatever they are called.
    """
    for dataset in tested:
        if shard.series in dataset.accessions:
            return f"it is (part of) the data set '{dataset.name}'"
        if common := sorted(set(shard.related) & dataset.accessions):
            return f"it belongs with the data set '{dataset.name}' to {_listed(common)}"
        named = {name for name in shard.samples if _ACCESSION.fullmatch(name)}
        if shared := sorted(named & dataset.samples):
            return f"it shares samples with the data set '{dataset.name}': {_listed(shared)}"
    panel = copies.load(folder / PANEL)
    for dataset in tested:
        if found := copies.copies(panel, dataset.panel):
            own, theirs, correlation = max(found, key=lambda pair: pair[2])
            return (
                f"{len({pair[0] for pair in found})} of its samples are copies of samples of the"
                f" data set '{dataset.name}': {own} and {theirs} correlate by {correlation:.5f}"
            )
    return ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def decide(
    shards: Sequence[Shard],
    folder: Path,
    tested: Sequence[Tested],
    *,
    held_out: float,
    seed: int,
) -> list[Decision]:
    """Decide for every shard whether it is trained on, held out or left out.

    Series are held out whole: samples of a series that is trained on would look known. Every
    organism with at least `FEWEST_TO_HOLD_OUT` series gives its share.

    Parameters
    ----------
    folder
        Holds the shards.
    held_out
        Share of the series that training stops by.
    """
    decided: list[Decision] = []
    first: dict[str, str] = {}
    for shard in shards:
        reason = leak(shard, folder / shard.identity, tested)
        if not reason and shard.identity in first:
            reason = f"the same counts as series '{first[shard.identity]}'"
        first.setdefault(shard.identity, shard.series)
        decided.append(Decision(shard, LEFT_OUT if reason else TRAIN, reason))
    kept = [one for one in decided if one.use == TRAIN]
    held: set[str] = set()
    for organism in sorted({one.shard.organism for one in kept}):
        own = sorted(one.shard.identity for one in kept if one.shard.organism == organism)
        if len(own) >= FEWEST_TO_HOLD_OUT and held_out > 0:
            number = max(1, round(held_out * len(own)))
            order = np.random.default_rng([seed, len(own)]).permutation(len(own))
            held |= {own[place] for place in order[:number]}
    return [
        Decision(one.shard, HELD_OUT) if one.use == TRAIN and one.shard.identity in held else one
        for one in decided
    ]
