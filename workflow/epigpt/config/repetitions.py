"""What `auto` means for the keys permutations, repeats, views and epochs."""

from typing import Literal

# Presets small enough to be fine-tuned again for every permutation without being asked.
REFITTED_MODELS = ("tiny",)
_VIEWS = {"bulk": 4, "single_cell": 1}
# Passes of a training, the fewest, and the most tokens: cells of one donor are much alike, so that
# more tokens of them teach less.
_EPOCHS, _FEWEST_EPOCHS = 10, 2
_MOST_TOKENS = {"bulk": 20_000_000, "single_cell": 500_000}


def permutations(asked: int | Literal["auto"], model: str) -> dict[str, int]:
    """Return how many label permutations each kind of null distribution has.

    Returns
    -------
    dict
        baselines and refits (the whole pipeline run again, for each baseline and for GPT-2), and
        fixed (held-out predictions left as they are, of every model that was not refitted).
    """
    if asked != "auto":
        return {"baselines": asked, "refits": asked, "fixed": 0}
    return {"baselines": 0, "refits": 99 if model in REFITTED_MODELS else 0, "fixed": 999}


def repeats(asked: int | Literal["auto"], model: str) -> dict[str, int]:
    """Return how often the folds are drawn.

    Returns
    -------
    dict
        all draws, and own: the first ones, whose fits are jobs with a model folder each. The
        others are fitted a draw at a time in one process and leave predictions alone, which is
        what makes many draws of a small model cheap.
    """
    if asked != "auto":
        return {"all": asked, "own": asked}
    return {"all": 10 if model in REFITTED_MODELS else 1, "own": 1}


def views(asked: int | Literal["auto"], assay: str = "bulk") -> int:
    """Return how many versions of each sample or cell are encoded."""
    return _VIEWS[assay] if asked == "auto" else asked


def epochs(
    asked: int | Literal["auto"], views_in_all: int, length: int, assay: str = "bulk"
) -> int:
    """Return how often a training passes over this many views of `length` tokens."""
    if asked != "auto":
        return asked
    most = _MOST_TOKENS[assay] // max(1, views_in_all * length)
    return max(_FEWEST_EPOCHS, min(_EPOCHS, most))
