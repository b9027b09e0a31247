"""The model as it is before its first step: random, from published weights, or adapted."""

from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np

from epigpt.encoding.token_dataset import TokenDataset
from epigpt.models import classifier, presets, pretrained, published, weights_check
from epigpt.training import ablations


def build(
    name: str,
    store: TokenDataset,
    settings: dict[str, Any],
    variant: str,
    *,
    adapted: Path | None = None,
    elsewhere: Container[str] = (),
) -> classifier.GPT2PreTrainedModel:
    """Build a variant of a preset.

    Parameters
    ----------
    name
        Of the preset.
    settings
        Keys as in the configuration; read are weights, tuning and seed.
    variant
        One of `epigpt.training.ablations.NAMES`.
    adapted
        Weights that the step `adapt` has made of the same tokens
        (`epigpt.training.continued_pretraining`).
    elsewhere
        Names of parameters that hold nothing, because their numbers are on a device already.
    """
    preset = ablations.architecture(presets.load(name), variant)
    config = classifier.configuration(
        preset, store.recipe.encoding, store.size, store.tokens.shape[2], store.classes
    )
    weights = weights_of(settings, variant, adapted)
    build_model = classifier.build if weights is None else classifier.build_around_blocks
    model = build_model(config, settings["seed"])
    if preset.recipe.start == "zero":
        # Frozen blocks, and blocks that are only adapted, must let something through.
        classifier.start_at_zero(model, blocks=settings["tuning"] == "full")
    programs = store.reference.programs
    if variant == ablations.RANDOM_WEIGHTS:
        return model
    if programs is not None:
        classifier.start_from_programs(model, programs)
    if weights is not None:
        pretrained.start(
            model,
            weights_check.check(weights, presets.load(name)),
            store.recipe.encoding,
            store.vocabulary,
            programs,
            typical_value=typical_value(store),
            trained=settings["tuning"] == "full",
            elsewhere=elsewhere,
        )
    elif programs is None:
        classifier.start_from_axes(model, store.reference.axes)
    return model


def weights_of(settings: dict[str, Any], variant: str, adapted: Path | None) -> Path | None:
    """Return the folder of the weights that a variant starts from; None for a random start."""
    if variant == ablations.RANDOM_WEIGHTS:
        return None
    return adapted or published.in_use(settings["weights"])


def typical_value(store: TokenDataset) -> float:
    """Return the root mean square of the training rows' values; 1 for encodings without values."""
    if store.values is None:
        return 1.0
    rows = np.flatnonzero((store.index["set"] == "train").to_numpy())
    values = np.asarray(store.values[rows], dtype=np.float64)
    shown = np.arange(values.shape[2]) < np.asarray(store.lengths[rows])[:, :, None]
    return float(np.sqrt(np.mean(values[shown] ** 2))) if shown.any() else 1.0
