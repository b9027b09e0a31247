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

    def sums(self, deviations: torch.Tensor) -> torch.Tensor:
        """Return the scores of the programs before they are cut, shape (rows, programs)."""
        return deviations @ self._loadings + self._offsets

    def lost(self, deviations: torch.Tensor, genes: np.ndarray) -> torch.Tensor:
        """Return what each gene's deviation adds to the sums, shape (genes, rows, programs)."""
        return deviations[:, genes].T[:, :, None] * self._loadings[genes][:, None, :]

    def __call__(self, sums: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Sum of the logits times `weights`, shape (rows,)."""
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
    """Return the output of each row minus that with a gene at the reference in all its programs.

    Parameters and result as in `epigpt.interpretation.contributions.knock_out`; `views` is not
    used.
    """
    output = _OfDeviations(model, store, device)
    deviations, weights = _inputs(store, rows, device)
    total = np.zeros(deviations.shape)
    sequences = max(1, BATCH_TOKENS // store.tokens.shape[2])
    with torch.inference_mode():
        for start in range(0, len(rows), sequences):
            part = slice(start, start + sequences)
            own, of_rows = deviations[part], weights[part]
            sums = output.sums(own)
            whole = output(sums, of_rows)
            each = max(1, sequences // len(own))
            for some in np.split(genes, range(each, len(genes), each)):
                without = (sums - output.lost(own, some)).flatten(0, 1)
                left = output(without, of_rows.repeat(len(some), 1)).reshape(len(some), len(own))
                total[part, some] = (whole - left).double().cpu().numpy().T
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
