"""From the folds' models and token stores to the attributions of a data set."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from epigpt.encoding import token_dataset as token_store
from epigpt.encoding.token_dataset import TokenDataset
from epigpt.interpretation import (
    attribution,
    contributions,
    flags,
    knockout,
    program_contributions,
    ranking,
    shapley,
)
from epigpt.models import classifier
from epigpt.training import changed_weights

# Held-out observations of all folds together. Cells beyond add cost and little else: what is
# averaged are samples.
MOST_OBSERVATIONS = 400
# Each view costs as many passes as there are genes to remove: the untouched one alone.
KNOCKOUT_VIEWS = 1
# From this share of a sample's output unaccounted for, no list of genes is given.
MOST_INCOMPLETE = 1 / 3
_RANDOM_SEED = 20_180_618
_RANDOM_SD = 0.02


@dataclass(frozen=True)
class Place:
    """Folders of one fit."""

    tokens: Path
    model: Path


@dataclass(frozen=True)
class _Opened:
    store: TokenDataset
    rows: np.ndarray
    model: Any
    device: torch.device


def attribute(
    places: Sequence[Place],
    contrasts: pd.DataFrame,
    knockouts: int,
    threads: int,
    log: logging.Logger,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Attribute on held-out samples alone, then take the genes of highest rank out of every fold's
    sequences.

    Parameters
    ----------
    contrasts
        differential_expression.tsv.
    knockouts
        Genes that are knocked out; the others' knockout_effect stays empty.

    Returns
    -------
    attributions.tsv, the agreement curve, and the summary.
    """
    torch.set_num_threads(threads)
    folds, held_out, random, incompleteness, observations = [], [], [], [], 0
    for place in places:
        opened = _open(place, len(places))
        store, rows = opened.store, opened.rows
        found = _contributions(opened.model, opened, store.recipe.views)
        folds.append(_of_fold(store, rows, found.values))
        held_out.append(_held_out(store, rows, found.values))
        config = opened.model.config
        opened = replace(opened, model=None)  # a device need not hold two large models
        random.append(_random_agreement(opened, config, folds[-1]))
        incompleteness.append(found.incompleteness)
        observations += len(rows)
        log.info(
            "%s: %d held-out observations, %d views, %s",
            "/".join(place.tokens.parts[-2:]),
            len(rows),
            store.recipe.views,
            found.method,
        )
    summary = {
        "method": found.method,
        "folds": len(folds),
        "observations": observations,
        "views": store.recipe.views,
        "incompleteness": max(incompleteness),
    }
    if max(incompleteness) >= MOST_INCOMPLETE:
        reason = _unaccounted(max(incompleteness))
        log.info("no list of genes: %s", reason)
        nothing = pd.DataFrame(columns=list(ranking.COLUMNS))
        curve = pd.DataFrame(columns=attribution.AGREEMENT)
        return nothing, curve, {**summary, "computed": False, "reason": reason}
    table = ranking.table(held_out, store.classes)
    if knockouts:
        effects = _knock_outs(places, list(table["gene"][:knockouts]))
        table["knockout_effect"] = table["gene"].map(effects)
    table["flags"] = flags.flags(table, store.vocabulary.organism)
    signed = len(store.classes) == 2
    curve, agrees = attribution.agreement(table, contrasts, signed)
    summary |= {
        "computed": True,
        "signed_towards": store.classes[1] if signed else "own class",
        "knockouts": min(knockouts, len(table)),
        "above_chance": int((table["p"] <= flags.SIGNIFICANT).sum()) if signed else None,
        "between_folds_rank_correlation": attribution.between_folds(folds),
        "random_weights_rank_correlation": float(np.mean(random)),
        **agrees,
    }
    log.info(
        "rank correlation between folds %.2f, with random weights %.2f, with differential"
        " expression %.2f",
        *(
            summary[f"{name}_rank_correlation"]
            for name in ("between_folds", "random_weights", "size")
        ),
    )
    return table, curve, summary


def _unaccounted(incompleteness: float) -> str:
    return (
        f"no gene accounts for {incompleteness:.0%} of what a sample's own output changes by, in"
        f" the worst fold; from {MOST_INCOMPLETE:.0%} on a list of genes would mislead. A smaller"
        " max_genes makes an exact method affordable"
    )


def _contributions(model: Any, opened: _Opened, views: int) -> contributions.Contributions:
    """Contributions of genes, exact where that costs at most about twice as much."""
    store, rows = opened.store, opened.rows
    sampled = shapley.affordable_views(store)
    if store.reference.programs is not None:
        orders = max(1, min(views, sampled))
        return shapley.of_programs(model, store, rows, orders, opened.device)
    if sampled:
        return shapley.of_tokens(model, store, rows, min(views, sampled), opened.device)
    return contributions.integrated_gradients(model, store, rows, views, opened.device)


def _held_out(store: TokenDataset, rows: np.ndarray, signed: np.ndarray) -> ranking.HeldOut:
    directions = (
        contributions.directions(store, rows, 0)
        if store.reference.programs is None
        else program_contributions.signs(store, rows)
    )
    return ranking.HeldOut(
        store.vocabulary.genes,
        store.vocabulary.symbols,
        store.index.iloc[rows][["sample", "group", "label"]],
        signed * directions,
        directions,
    )


def _open(place: Place, fits: int) -> _Opened:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    store = token_store.load(place.tokens)
    rows = contributions.held_out_rows(store, max(1, MOST_OBSERVATIONS // fits))
    model = changed_weights.load(place.model, device).requires_grad_(False)
    return _Opened(store, rows, model, device)


def _of_fold(store: TokenDataset, rows: np.ndarray, values: np.ndarray) -> attribution.OfFold:
    return attribution.OfFold(
        store.vocabulary.genes, store.vocabulary.symbols, _averaged(store, rows, values)
    )


def _averaged(store: TokenDataset, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    return attribution.over_samples(values, store.index.iloc[rows])


def _random_agreement(opened: _Opened, config: Any, trained: attribution.OfFold) -> float:
    """Rank correlation of the trained model's attributions with those of the same model with random
    weights, the first view and its reverse."""
    store, rows = opened.store, opened.rows
    shuffled = classifier.build(config, _RANDOM_SEED)
    # A model that starts at zero would contribute nothing at all, which is no comparison.
    generator = torch.Generator().manual_seed(_RANDOM_SEED)
    for weight in shuffled.parameters():
        if weight.ndim > 1 and not weight.any():
            weight.data.normal_(0.0, _RANDOM_SD, generator=generator)
    shuffled = shuffled.eval().requires_grad_(False).to(device=opened.device)
    found = _contributions(shuffled, opened, 2)
    return attribution.rank_correlation(trained.attribution, _averaged(store, rows, found.values))


def _knock_outs(places: Sequence[Place], genes: Sequence[str]) -> dict[str, float]:
    """Mean effect over the folds of removing each gene; 0 in folds that do not know it."""
    total = np.zeros(len(genes))
    for place in places:
        opened = _open(place, len(places))
        store = opened.store
        column = {gene: number for number, gene in enumerate(store.vocabulary.genes)}
        known = np.array([column[gene] for gene in genes if gene in column], dtype=np.int64)
        through_programs = store.reference.programs is not None
        knock_out = (program_contributions if through_programs else knockout).knock_out
        found = knock_out(
            opened.model, store, opened.rows, KNOCKOUT_VIEWS, known, device=opened.device
        )
        averaged = _averaged(store, opened.rows, found.values)
        total += [averaged[column[gene]] if gene in column else 0.0 for gene in genes]
    return dict(zip(genes, (total / len(places)).tolist(), strict=True))
