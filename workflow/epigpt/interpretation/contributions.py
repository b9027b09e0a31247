"""What each gene contributes to a model's output for held-out samples: integrated gradients.

The output is the case's logit minus the control's; with several classes, the logit of a sample's
own class minus the mean of the others. Everything here works on any encoding: `Encoder.genes_of`
says which gene a token speaks of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients

from epigpt.encoding import encoders
from epigpt.encoding.token_dataset import TokenDataset
from epigpt.training.batches import collate

# The classifiers over values switch abruptly on the path, so that a single sequence's sum misses a
# good part of the output's change (0.4 of it, 0.2 with 64 steps, 0.17 with 400: first folds of
# GSE67835 and GEUVADIS). Averaged over 16 samples and four views the switches fill the path: 16
# steps give the ranks of 400 (rank correlations 0.996 and 0.993, 47 and 46 of the first 50 genes).
STEPS = 16
# Tokens of one forward pass: bounds the memory whatever the sequences' length.
BATCH_TOKENS = 8192
_MOST_LEVEL_ROWS = 2000


SHAPLEY, GRADIENTS = "shapley values", "integrated gradients"


@dataclass(frozen=True)
class Contributions:
    """Contributions of genes to the output for some observations, in logits.

    Attributes
    ----------
    values
        float64, shape (observations, genes of the vocabulary): mean over the views, signed by
        `directions`; 0 for a gene that a sequence does not hold.
    incompleteness
        Contributions add up to the output minus that of the baseline: root mean square of what is
        missing, as a share of the root mean square of the output's own change. NaN for knock-outs.
    method
        `SHAPLEY` or `GRADIENTS`.
    """

    values: np.ndarray
    incompleteness: float = float("nan")
    method: str = ""


def held_out_rows(store: TokenDataset, most: int) -> np.ndarray:
    """Choose held-out observations: all, or with many cells the same number of each sample, spread
    evenly over their sorted ids.

    Returns
    -------
    Rows of the store, int64, at most `most`, or one of each sample where there are more samples.
    """
    rows = np.flatnonzero((store.index["set"] == "test").to_numpy())
    if len(rows) <= most:
        return rows
    sample = store.index["sample"].to_numpy()[rows]
    names = np.unique(sample)
    each = max(1, most // len(names))
    kept = []
    for name in names:
        own = rows[sample == name]
        own = own[np.argsort(store.index["observation"].to_numpy()[own], kind="stable")]
        kept.append(own[np.linspace(0, len(own) - 1, min(each, len(own))).round().astype(int)])
    return np.sort(np.concatenate(kept))


def directions(store: TokenDataset, rows: np.ndarray, view: int) -> np.ndarray:
    """Return whether a gene is raised or lowered in an observation against the training
    observations; all 1 with several classes.

    The sign of the gene's value where the encoding has values. Else the sign of its place in the
    sequence (1 for the first token, falling to 0; absent: 0) minus the mean place over training
    observations. Times the contribution towards the case, it says whether more of the gene pushes
    towards the case. With several classes contributions are towards a sample's own class as they
    are.

    Returns
    -------
    -1, 0 or 1, float64, shape (rows, genes).
    """
    if len(store.classes) != 2:
        return np.ones((len(rows), len(store.vocabulary.genes)))
    if store.values is not None:
        genes = genes_at(store, rows, view)
        return np.sign(
            _summed(
                genes,
                np.asarray(store.values[rows, view], dtype=np.float64),
                len(store.vocabulary.genes),
            )
        )
    training = np.flatnonzero((store.index["set"] == "train").to_numpy())
    training = training[:: -(-len(training) // _MOST_LEVEL_ROWS)]
    return np.sign(_places(store, rows, view) - _places(store, training, 0).mean(axis=0))


def margin_weights(store: TokenDataset, rows: np.ndarray) -> np.ndarray:
    """Return the weights of the logits in the output of each row, float32, shape (rows,
    classes)."""
    number = len(store.classes)
    if number == 2:
        return np.tile(np.array([-1.0, 1.0], dtype=np.float32), (len(rows), 1))
    own = (
        store.index["label"]
        .map({name: at for at, name in enumerate(store.classes)})
        .to_numpy()[rows]
        .astype(int)
    )
    weights = np.full((len(rows), number), -1.0 / (number - 1), dtype=np.float32)
    weights[np.arange(len(rows)), own] = 1.0
    return weights


def integrated_gradients(
    model: Any, store: TokenDataset, rows: np.ndarray, views: int, device: torch.device
) -> Contributions:
    """Attribute the output to genes by integrated gradients (Sundararajan, Taly and Yan, ICML
    2017), as captum computes them.

    The path starts where a sample says nothing: all values 0 (no deviation from the training
    samples) where the encoding has values, else every gene's embedding at the mean of the
    embeddings of the tokens that training samples hold.

    Parameters
    ----------
    model
        A classifier as `epigpt.models.classifier.load` gives it, on `device`.
    rows, views
        Rows of the store, and how many views of each.
    """
    baseline = None if store.values is not None else _mean_embedding(model, store)
    total = np.zeros((len(rows), len(store.vocabulary.genes)))
    missing, change = 0.0, 0.0
    weights = margin_weights(store, rows)
    for view in range(views):
        signs = directions(store, rows, view)
        for part in parts(store, len(rows)):
            batch = {
                name: tensor.to(device)
                for name, tensor in collate(
                    store, rows[part], np.full(len(rows[part]), view)
                ).items()
            }
            genes = genes_at(store, rows[part], view)[:, : batch["input_ids"].shape[1]]
            start = _start(model, batch, genes, baseline)
            attributed, gap, whole = _of_batch(
                model, batch, start, torch.from_numpy(weights[part]).to(device)
            )
            total[part] += _summed(genes, attributed, total.shape[1]) * signs[part]
            missing, change = missing + gap, change + whole
    incompleteness = float(np.sqrt(missing / change)) if change > 0 else 0.0
    return Contributions(total / views, incompleteness, GRADIENTS)


def _start(
    model: Any, batch: dict[str, torch.Tensor], genes: np.ndarray, baseline: torch.Tensor | None
) -> torch.Tensor:
    """Where the path starts: values of 0, or embeddings in which no gene is told from another and
    other tokens are as they are."""
    if baseline is None:
        return torch.zeros_like(batch["values"])
    embedded = model.get_input_embeddings()(batch["input_ids"]).detach()
    is_gene = torch.from_numpy(genes >= 0).unsqueeze(-1).to(embedded.device)
    return torch.where(is_gene, baseline.to(embedded), embedded)


def _of_batch(
    model: Any, batch: dict[str, torch.Tensor], start: torch.Tensor, weights: torch.Tensor
) -> tuple[np.ndarray, float, float]:
    """Attributions (sequences, positions), squared gaps to completeness, squared changes of the
    output."""
    layer = model.get_input_embeddings()
    has_values = "values" in batch
    names = [name for name in batch if name != "values"]
    end = batch["values"] if has_values else layer(batch["input_ids"]).detach()

    def output(point: torch.Tensor, chosen: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        inputs = dict(zip(names, rest, strict=True))
        if has_values:
            return (model(values=point, **inputs).logits * chosen).sum(dim=1)
        # Handed in behind the model's back: the stock class finds the last token by the token
        # numbers, which it must still see.
        hook = layer.register_forward_hook(lambda *_: point)
        try:
            return (model(**inputs).logits * chosen).sum(dim=1)
        finally:
            hook.remove()

    found, gaps = IntegratedGradients(output).attribute(
        end,
        baselines=start,
        additional_forward_args=(weights, *(batch[name] for name in names)),
        n_steps=STEPS,
        internal_batch_size=max(len(end), BATCH_TOKENS // end.shape[1]),
        return_convergence_delta=True,
    )
    per_position = found.detach() if has_values else found.detach().sum(dim=-1)
    whole = per_position.sum(dim=1) - gaps
    return (
        per_position.double().cpu().numpy(),
        float((gaps.double() ** 2).sum()),
        float((whole.double() ** 2).sum()),
    )


def _mean_embedding(model: Any, store: TokenDataset) -> torch.Tensor:
    training = np.flatnonzero((store.index["set"] == "train").to_numpy())[:_MOST_LEVEL_ROWS]
    tokens = np.asarray(store.tokens[training, 0])
    known = np.unique(tokens[genes_at(store, training, 0) >= 0])
    return (
        model.get_input_embeddings()
        .weight.detach()[torch.from_numpy(known.astype(np.int64))]
        .mean(dim=0)
    )


def genes_at(store: TokenDataset, rows: np.ndarray, view: int) -> np.ndarray:
    """Return the column of the gene that each token speaks of, -1 for other tokens."""
    return encoders.find(store.recipe.encoding).genes_of(
        np.asarray(store.tokens[rows, view]), store.vocabulary
    )


def _places(store: TokenDataset, rows: np.ndarray, view: int) -> np.ndarray:
    genes = genes_at(store, rows, view)
    width = np.maximum((genes >= 0).sum(axis=1, keepdims=True), 1)
    place = 1.0 - (np.cumsum(genes >= 0, axis=1) - 1) / width
    found = np.zeros((len(rows), len(store.vocabulary.genes)))
    at, position = np.nonzero(genes >= 0)
    np.maximum.at(found, (at, genes[at, position]), place[at, position])
    return found


def _summed(genes: np.ndarray, numbers: np.ndarray, width: int) -> np.ndarray:
    """Sum numbers (rows, positions) by gene: (rows, width)."""
    total = np.zeros((len(genes), width))
    at, position = np.nonzero(genes >= 0)
    np.add.at(total, (at, genes[at, position]), numbers[at, position])
    return total


def parts(store: TokenDataset, number: int) -> Iterator[slice]:
    """Divide `number` sequences into batches of at most `BATCH_TOKENS` tokens."""
    each = max(1, BATCH_TOKENS // store.tokens.shape[2])
    for start in range(0, number, each):
        yield slice(start, min(start + each, number))
