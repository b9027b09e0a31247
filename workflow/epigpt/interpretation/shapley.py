"""Shapley values of genes: of the tokens that speak of them, or through programs of genes."""

from typing import Any

import numpy as np
import torch

from epigpt.encoding import encoders
from epigpt.encoding.programs import gene_attribution
from epigpt.encoding.token_dataset import TokenDataset
from epigpt.interpretation import contributions, sampling
from epigpt.interpretation.contributions import Contributions
from epigpt.interpretation.program_contributions import deviations_of, programs_of, signs
from epigpt.training.batches import collate

_SEED = 19_530_312


def affordable_views(store: TokenDataset) -> int:
    """Return how many views can be sampled at no more than twice the cost of integrated gradients;
    0 without values.

    An order of a sequence takes as many passes as it has tokens, and one. Integrated gradients take
    a pass forwards and backwards, about three passes, for each step and view.
    """
    if store.values is None:
        return 0
    views = store.recipe.views
    return min(views, 2 * 3 * contributions.STEPS * views // (store.tokens.shape[2] + 1))


def of_tokens(
    model: Any, store: TokenDataset, rows: np.ndarray, views: int, device: torch.device
) -> Contributions:
    """Attribute the output to the genes that tokens speak of, from values of 0 to those of each
    sequence.

    Parameters and result as those of `epigpt.interpretation.contributions.integrated_gradients`.
    """
    encoder = encoders.find(store.recipe.encoding)
    total = np.zeros((len(rows), len(store.vocabulary.genes)))
    weights = torch.from_numpy(contributions.margin_weights(store, rows)).to(device)
    for view in range(views):
        batch = _batch(store, rows, view, device)
        shares = sampling.contributions(
            model,
            batch,
            torch.zeros_like(batch["values"]),
            weights,
            [_SEED, view // 2],
            reverse=view % 2 == 1,
        )
        genes = encoder.genes_of(np.asarray(store.tokens[rows, view]), store.vocabulary)
        genes = genes[:, : shares.shape[1]]
        at, position = np.nonzero(genes >= 0)
        signs = contributions.directions(store, rows, view)
        own = np.zeros_like(total)
        np.add.at(own, (at, genes[at, position]), shares[at, position])
        total += own * signs
    return Contributions(total / views, 0.0, contributions.SHAPLEY)


def of_programs(
    model: Any, store: TokenDataset, rows: np.ndarray, orders: int, device: torch.device
) -> Contributions:
    """Attribute the output to programs, from their scores at rest to those of each sample, and what
    a program contributes to its genes (`epigpt.encoding.programs.gene_attribution`).

    Parameters and result as those of `epigpt.interpretation.contributions.integrated_gradients`;
    the untouched samples take the place of views, and `orders` of their programs are drawn.
    """
    programs, deviations = programs_of(store), deviations_of(store, rows)
    scores = torch.from_numpy(programs.scores(deviations)).to(device)
    batch = _batch(store, rows, 0, device)
    batch = {name: tensor[:, : len(programs)] for name, tensor in batch.items()}
    batch["values"] = scores
    start = torch.from_numpy(programs.at_rest()).to(device).expand_as(scores)
    weights = torch.from_numpy(contributions.margin_weights(store, rows)).to(device)
    shares = np.zeros(scores.shape)
    for number in range(orders):
        shares += sampling.contributions(
            model, batch, start, weights, [_SEED, number // 2], reverse=number % 2 == 1
        )
    shares /= orders
    of_genes = gene_attribution(programs, shares, deviations)
    whole = shares.sum(axis=1)
    missing = float(np.mean((of_genes.sum(axis=1) - whole) ** 2))
    change = float(np.mean(whole**2))
    incompleteness = float(np.sqrt(missing / change)) if change > 0 else 0.0
    return Contributions(of_genes * signs(store, rows), incompleteness, contributions.SHAPLEY)


def _batch(
    store: TokenDataset, rows: np.ndarray, view: int, device: torch.device
) -> dict[str, torch.Tensor]:
    batch = collate(store, rows, np.full(len(rows), view))
    return {name: tensor.to(device) for name, tensor in batch.items()}
