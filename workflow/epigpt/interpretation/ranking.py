"""Genes ranked by what they do to tell the classes apart, with the chance of it and its stability.

A gene counts by how far it pushes held-out samples towards their own class, on average over the
classes. What pushes all samples alike, or each sample somewhere, counts for nothing: sex-linked
genes differ far more between samples than those that matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from epigpt.evaluation.permutation_test import permuted

COLUMNS = (
    "gene",
    "symbol",
    "attribution",
    "knockout_effect",
    "rank",
    "p",
    "stability",
    "flags",
)
PERMUTATIONS = 499
_RESAMPLES = 200
# Genes that count as being among the first, of at least ten times as many.
FIRST = 50
_SEED = 20_061_127


@dataclass(frozen=True)
class HeldOut:
    """Contributions of one fit's genes on its held-out observations.

    Attributes
    ----------
    genes, symbols
        The vocabulary.
    samples
        Columns sample, group, label; one row per observation.
    values
        float64, shape (observations, genes): contributions to the output, which is the case's logit
        minus the control's, or with several classes that of the sample's own class.
    directions
        -1, 0 or 1, same shape: whether a gene is raised or lowered in an observation.
    """

    genes: Sequence[str]
    symbols: Sequence[str]
    samples: pd.DataFrame
    values: np.ndarray
    directions: np.ndarray


def table(fits: Sequence[HeldOut], classes: Sequence[str]) -> pd.DataFrame:
    """Rank the genes over the held-out samples of all fits.

    Observations of a sample, its repeats, and the samples of a class are averaged; classes weigh
    alike. A gene outside a fit's vocabulary contributes nothing there.

    Parameters
    ----------
    classes
        In the order of the model's outputs; of two, the second is the case.

    Returns
    -------
    DataFrame
        `COLUMNS`, knockout_effect and flags empty. attribution: mean push towards the own class, in
        logits; with two classes negative for genes of which more pushes towards the control. rank 1
        pushes most; ties by gene id. p: share of permutations of the labels of whole donors in
        which a gene pushes as far (two classes; else missing). stability: share of resamples of the
        donors in which the gene is among the first `FIRST`, or the first tenth of fewer genes.
    """
    if not fits:
        return pd.DataFrame(columns=list(COLUMNS))
    symbols: dict[str, str] = {}
    for fit in fits:
        symbols.update(zip(fit.genes, fit.symbols, strict=True))
    genes = sorted(symbols)
    samples, pushed, direction = _by_sample(fits, genes)
    two = len(classes) == 2
    own = pushed * np.where(samples["label"] == classes[-1], 1.0, -1.0)[:, None] if two else pushed
    size = _class_means(own, samples["label"].to_numpy())
    order = np.lexsort((np.arange(len(genes)), -size))
    rank = np.empty(len(genes), dtype=int)
    rank[order] = np.arange(1, len(genes) + 1)
    found = pd.DataFrame(
        {
            "gene": genes,
            "symbol": [symbols[gene] for gene in genes],
            "attribution": size * direction if two else size,
            "knockout_effect": np.nan,
            "rank": rank,
            "p": _chance(samples, pushed, size, classes) if two else np.nan,
            "stability": _stability(samples, own),
            "flags": "",
        }
    )
    return found.sort_values("rank", ignore_index=True)[list(COLUMNS)]


def _by_sample(
    fits: Sequence[HeldOut], genes: Sequence[str]
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return samples (sorted), their mean contributions (samples, genes), and the direction in
    which more of a gene pushes (genes,)."""
    place = {gene: number for number, gene in enumerate(genes)}
    # Cells of one sample may have several labels: each part of a sample counts for its own.
    known = pd.concat([_parts(fit) for fit in fits], ignore_index=True)
    samples = known.drop_duplicates("sample").sort_values("sample", ignore_index=True)
    row_of = {name: number for number, name in enumerate(samples["sample"])}
    pushed, count = np.zeros((len(samples), len(genes))), np.zeros(len(samples))
    raised = np.zeros(len(genes))
    for fit in fits:
        columns = np.array([place[gene] for gene in fit.genes])
        names = _parts(fit)["sample"].to_numpy()
        for name in np.unique(names):
            mine = names == name
            pushed[row_of[name], columns] += fit.values[mine].mean(axis=0)
            count[row_of[name]] += 1
        raised[columns] += (fit.values * fit.directions).sum(axis=0)
    return samples, pushed / count[:, None], np.where(raised < 0, -1.0, 1.0)


def _parts(fit: HeldOut) -> pd.DataFrame:
    own = fit.samples[["sample", "group", "label"]].astype(str)
    return own.assign(sample=own["sample"] + "\t" + own["label"])


def _class_means(own: np.ndarray, label: np.ndarray) -> np.ndarray:
    means = [own[label == name].mean(axis=0) for name in np.unique(label)]
    return np.asarray(np.mean(means, axis=0))


def _chance(
    samples: pd.DataFrame, pushed: np.ndarray, size: np.ndarray, classes: Sequence[str]
) -> np.ndarray:
    weights = []
    for drawn in permuted(samples[["sample", "group", "label"]], PERMUTATIONS, _SEED):
        case = (drawn["label"] == classes[-1]).to_numpy()
        weights.append(np.where(case, 0.5 / max(case.sum(), 1), -0.5 / max((~case).sum(), 1)))
    reached = (np.array(weights) @ pushed) >= size[None, :] - 1e-12
    return np.asarray((1 + reached.sum(axis=0)) / (1 + len(weights)))


def _stability(samples: pd.DataFrame, own: np.ndarray) -> np.ndarray:
    random = np.random.default_rng(_SEED)
    first = min(FIRST, max(1, own.shape[1] // 10))
    group, label = samples["group"].to_numpy(), samples["label"].to_numpy()
    holds = samples.groupby("group")["label"].agg(lambda own: "|".join(sorted(set(own))))
    among = np.zeros(own.shape[1])
    for _ in range(_RESAMPLES):
        drawn: dict[str, int] = {}
        for _, members in holds.groupby(holds):
            number = len(members)
            times = random.multinomial(number, np.full(number, 1 / number))
            drawn.update(zip(members.index, times.tolist(), strict=True))
        weight = np.array([drawn[name] for name in group], dtype=float)
        means = [
            weight[label == name] @ own[label == name] / max(weight[label == name].sum(), 1.0)
            for name in np.unique(label)
        ]
        size = np.mean(means, axis=0)
        among += (rankdata(-size, method="ordinal") <= first) & (size > 0)
    return among / _RESAMPLES
