"""How models are trained: peak learning rates by kind of parameter, and what they begin with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

STARTS = ("standard", "zero")
# Widest model whose matrices bear three times the rate from a random start.
NARROW = 256


@dataclass(frozen=True)
class LearningRates:
    """Peak learning rates of AdamW by kind of parameter.

    Attributes
    ----------
    matrices
        Matrices of the blocks, or their adapters.
    embeddings
        Embeddings of tokens and positions, norms and biases: their size does not grow with the
        width, so neither do their rates fall with it.
    head
        Classification head.
    """

    matrices: float
    embeddings: float
    head: float

    def scaled_to(self, matrices: float) -> "LearningRates":
        """Return rates in the same proportion with `matrices` as that of the matrices."""
        share = matrices / self.matrices
        return LearningRates(matrices, self.embeddings * share, self.head * share)


@dataclass(frozen=True)
class TrainingRecipe:
    """How a preset is trained unless the configuration says otherwise.

    Attributes
    ----------
    start
        What a model begins with: "standard" (GPT-2's own random start) or "zero" (the head, and
        where all of a random model is trained the blocks' output projections, begin at zero: every
        block is the identity then, and the first steps move the logits alike at every size).
    random, full, lora
        Rates of all weights from a random start, of all weights from pretrained ones, and of LoRA's
        adapters.
    """

    start: str
    random: LearningRates
    full: LearningRates
    lora: LearningRates

    def rates(
        self, tuning: str, pretrained: bool, learning_rate: float | Literal["auto"] = "auto"
    ) -> LearningRates:
        """Return the rates of a training.

        Parameters
        ----------
        tuning
            "full", "lora" or "frozen" (of which the head's rate alone counts).
        pretrained
            Whether the blocks' weights are pretrained.
        learning_rate
            Rate of the matrices instead of the recipe's; the others keep their proportion to it.
        """
        whole = self.full if pretrained else self.random
        chosen = self.lora if tuning == "lora" else whole
        return chosen if learning_rate == "auto" else chosen.scaled_to(learning_rate)


def for_width(width: int, published: Sequence[tuple[int, TrainingRecipe]]) -> TrainingRecipe:
    """Return the recipe of a GPT-2 of a width that no preset has.

    From a random start the matrices' rate falls with the width. From pretrained weights it is that
    of the smallest published GPT-2 at least as wide, and falls with the width beyond the largest.

    Parameters
    ----------
    published
        Width and recipe of GPT-2's own sizes, the smallest first.
    """
    largest, last = published[-1]
    nearest = next((recipe for least, recipe in published if width <= least), last)
    head = _two_digits(1e-3 * 64 / width)
    random = head if width > NARROW else _two_digits(3e-3 * 64 / width)
    full, lora = (
        LearningRates(_two_digits(rates.matrices * min(1, largest / width)), rates.embeddings, head)
        for rates in (nearest.full, nearest.lora)
    )
    embeddings = nearest.random.embeddings
    return TrainingRecipe("zero", LearningRates(random, embeddings, random), full, lora)


def _two_digits(rate: float) -> float:
    return float(f"{rate:.2g}")
