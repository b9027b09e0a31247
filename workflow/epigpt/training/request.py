"""What is asked of one fit."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from epigpt.training import ablations
from epigpt.training.dataset_cost import Scope


class Kept(Enum):
    """What is left of a fit beside its held-out predictions."""

    WHOLE = "a folder that from_pretrained loads"
    CHANGES = "what was trained beside pretrained blocks, where those stay as they are; else WHOLE"
    NOTHING = "no model"


@dataclass(frozen=True)
class Request:
    """A fit to train, and where to.

    Attributes
    ----------
    settings
        Keys as in the configuration.
    variant
        One of `epigpt.training.ablations.NAMES`.
    adapted
        Weights that the step `adapt` has made of the same tokens
        (`epigpt.training.continued_pretraining`).
    scope
        What else the job makes of the data set; samples and views are those of the tokens.
    kept
        What is left of the fit.
    """

    tokens: Path
    fit: str
    preset: str
    checkpoints: Path
    output: Path
    settings: dict[str, Any]
    variant: str = ablations.FINETUNED
    checkpoint_minutes: float = 15.0
    adapted: Path | None = None
    scope: Scope | None = None
    kept: Kept = Kept.WHOLE
