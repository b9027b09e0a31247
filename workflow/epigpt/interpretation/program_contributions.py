"""Genes of a model over programs: their deviations, and removal of a gene from every program.

Each deviation runs through the loadings into the scores and the model. One view is enough, since a
program averages over its genes what views differ by.
"""

from collections.abc import Callable

import numpy as np
import torch

from epigpt.encoding.programs import Programs
from epigpt.encoding.token_dataset import TokenDataset
from epigpt.interpretation.contributions import BATCH_TOKENS, Contributions, margin_weights


class _OfDeviations:
    """The output of a model as a function of gene deviations."""

    def __init__(
        self, model: Callable[..., object], store: TokenDataset, device: torch.device
    ) -> None:
        programs = programs_of(store)
        self._model = model
        self._loadings = torch.from_numpy(programs.loadings).to(device).T
        self._offsets = torch.from_numpy(programs.offsets).to(device)
        self._limit = torch.from_numpy(programs.limits).to(device)
        self._tokens = torch.from_numpy(
            np.asarray(store.tokens[0, 0, : len(programs)], dtype=np.int64)
        ).to(device)

    def __call__(self, deviations: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Sum of the logits times `weights`, shape (rows,)."""
        sums = deviations @ self._loadings + self._offsets
        limit = self._limit.to(sums.dtype)
        values = torch.clamp(sums, -limit, limit)
        tokens = self._tokens.expand(len(values), -1)
        output = self._model(
            input_ids=tokens, values=values, attention_mask=torch.ones_like(tokens)
        )
        return (output.logits * weights).sum(dim=1)  # type: ignore[attr-defined]


def knock_out(
    model: Callable[..., object],
    store: TokenDataset,
    rows: np.ndarray,
    views: int,
    genes: np.ndarray,
    *,
    device: torch.device,
) -> Contributions:
    """Give the output of each row minus that with a gene at the reference in all its programs.

    Parameters and result as in `epigpt.interpretation.contributions.knock_out`; `views` is not
    used.
    """
    output = _OfDeviations(model, store, device)
    deviations, weights = _inputs(store, rows, device)
    total = np.zeros(deviations.shape)
    with torch.inference_mode():
        whole = torch.cat(
            [output(deviations[part], weights[part]) for part in _parts(store, len(rows))]
        )
        for gene in genes.tolist():
            without = deviations.clone()
            without[:, gene] = 0.0
            left = torch.cat(
                [output(without[part], weights[part]) for part in _parts(store, len(rows))]
            )
            total[:, gene] = (whole - left).double().cpu().numpy()
    return Contributions(total * signs(store, rows))


def programs_of(store: TokenDataset) -> Programs:
    """Return the programs of a store that has them."""
    if store.reference.programs is None:
        raise ValueError("a store without programs")
    return store.reference.programs


def _inputs(
    store: TokenDataset, rows: np.ndarray, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.from_numpy(deviations_of(store, rows)).to(device),
        torch.from_numpy(margin_weights(store, rows)).to(device),
    )


def deviations_of(store: TokenDataset, rows: np.ndarray) -> np.ndarray:
    """Return the gene deviations of untouched samples, float32, shape (rows, genes)."""
    if store.deviations is None:
        raise ValueError("a store without gene deviations")
    return np.asarray(store.deviations[rows], dtype=np.float32)


def signs(store: TokenDataset, rows: np.ndarray) -> np.ndarray:
    """-1 for genes that are lowered in a sample, 1 for raised ones; with several classes 1, as in
    `contributions.directions`."""
    deviations = deviations_of(store, rows)
    return np.sign(deviations) if len(store.classes) == 2 else np.ones(deviations.shape)


def _parts(store: TokenDataset, number: int) -> list[slice]:
    each = max(1, BATCH_TOKENS // store.tokens.shape[2])
    return [slice(start, min(start + each, number)) for start in range(0, number, each)]
