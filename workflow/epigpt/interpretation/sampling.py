"""What each token contributes to a model's output, by Shapley's values sampled over orders of the
tokens (Štrumbelj and Kononenko, J Mach Learn Res 2010; 11: 1).

The values of a sequence are put in one by one, in a random order; what the output changes by is the
contribution of the token put in. The changes of one order add up to the whole change, so that
nothing is left unaccounted for, however abruptly a model switches.
"""

from typing import Any

import numpy as np
import torch

# Tokens of one forward pass.
_BATCH_TOKENS = 32_768


def contributions(
    model: Any,
    batch: dict[str, torch.Tensor],
    start: torch.Tensor,
    weights: torch.Tensor,
    seed: list[int],
    *,
    reverse: bool = False,
) -> np.ndarray:
    """Share the change of the output from `start` to the values of each sequence among its tokens,
    in one random order for each sequence.

    Parameters
    ----------
    model
        A classifier over values, in evaluation mode.
    batch
        input_ids, attention_mask and values, as `epigpt.training.batches.collate` gives them.
    start
        Values where a sequence says nothing, float32, shape of `batch["values"]`.
    weights
        Of the logits in the output, shape (sequences, classes).
    seed
        Decides the orders.
    reverse
        Take each order backwards: the errors of an order and its reverse cancel in part.

    Returns
    -------
    float64, shape (sequences, length): sums to output minus output at the start, exactly but for
    rounding.
    """
    sequences, length = batch["values"].shape
    random = np.random.default_rng(seed)
    orders = np.stack([random.permutation(length) for _ in range(sequences)])
    if reverse:
        orders = orders[:, ::-1]
    # Step at which each token comes in.
    entered = torch.from_numpy(np.argsort(orders, axis=1))
    changes = np.diff(_outputs(model, batch, start, weights, entered), axis=1)
    found = np.zeros((sequences, length))
    np.put_along_axis(found, orders, changes, axis=1)
    return found


def _outputs(
    model: Any,
    batch: dict[str, torch.Tensor],
    start: torch.Tensor,
    weights: torch.Tensor,
    entered: torch.Tensor,
) -> np.ndarray:
    """Return the outputs with 0, 1, … tokens in: (sequences, length + 1)."""
    sequences, length = batch["values"].shape
    steps = length + 1
    names = [name for name in batch if name != "values"]
    entered = entered.to(start.device)
    each = max(1, _BATCH_TOKENS // length)
    found = []
    with torch.inference_mode():
        for begin in range(0, sequences * steps, each):
            at = torch.arange(begin, min(begin + each, sequences * steps), device=start.device)
            row, step = at // steps, at % steps
            inside = entered[row] < step[:, None]
            values = torch.where(inside, batch["values"][row], start[row])
            logits = model(values=values, **{name: batch[name][row] for name in names}).logits
            found.append((logits.double() * weights[row]).sum(dim=1).cpu().numpy())
    return np.concatenate(found).reshape(sequences, steps)
