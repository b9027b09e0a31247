"""GPT-2's whole pipeline, fold by fold in one process: encoding, fine-tuning, scoring, for any
variant and under any labels.

A job per fold would spend more time on its imports than a small model takes to train.
"""

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt.config import repetitions
from epigpt.dataset.count_blocks import CountBlocks, open_observations
from epigpt.encoding import fold_sets
from epigpt.encoding import token_dataset as token_store
from epigpt.evaluation import cross_validation, linear_probe, permutation_test
from epigpt.evaluation.metrics import held_out, scores
from epigpt.evaluation.predictions import COLUMNS
from epigpt.models import published
from epigpt.training import ablations, continued_pretraining, fit, launch
from epigpt.training.request import Kept, Request

VARIANTS = (*ablations.NAMES, linear_probe.MODEL)
_QUIET = logging.getLogger("epigpt.refits")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


@dataclass(frozen=True)
class Pipeline:
    """What is fitted.

    Attributes
    ----------
    preset
        Name of the model preset.
    settings
        The settings that encoding and training read, keys as in the configuration.
    variant
        One of `VARIANTS`.
    threads
        Cores.
    """

    preset: str
    settings: Mapping[str, Any]
    variant: str = VARIANTS[0]
    threads: int = 1


def from_tokens(pipeline: Pipeline, tokens: Path, folds: pd.DataFrame) -> pd.DataFrame:
    """Fit a variant on tokens that are there.

    Parameters
    ----------
    tokens
        Folder that holds repeat{r}/fold{k}/ for every fold.
    folds
        folds.tsv; without rows (not assessable) the result has none.

    Returns
    -------
    `epigpt.evaluation.predictions.COLUMNS`.
    """
    cross_validation.assert_no_group_crosses(folds)
    launch.keep(pipeline.threads)
    with tempfile.TemporaryDirectory(prefix="epigpt.") as scratch:
        parts = [
            _fold(pipeline, tokens / name, name, Path(scratch) / name) for name in _names(folds)
        ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def from_expression(
    pipeline: Pipeline,
    observations: CountBlocks,
    folds: pd.DataFrame,
    classes: list[str],
    labels: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Encode and fit: the same as `from_tokens`, vocabulary and reference fitted in each fold as
    well.

    Parameters
    ----------
    observations
        Of expression.h5ad (`epigpt.dataset.count_blocks.open_observations`).
    classes
        In their order.
    labels
        Label of each sample instead of its own: permuted ones, for a null.
    """
    cross_validation.assert_no_group_crosses(folds)
    index = observations.index
    if labels is not None:
        observations = replace(
            observations,
            index=index.assign(label=index["sample"].map(labels).fillna(index["label"])),
        )
    parts = []
    shared = published.programs_of_corpus(pipeline.settings.get("shared_programs", published.NONE))
    launch.keep(pipeline.threads)
    for name in _names(folds):
        held = fold_sets.in_test_set(folds, name, observations.index["sample"])
        with tempfile.TemporaryDirectory(prefix="epigpt.") as scratch:
            token_store.write(
                Path(scratch) / "tokens",
                observations,
                held,
                classes,
                recipe(pipeline.settings, observations.assay),
                shared=shared,
            )
            parts.append(_fold(pipeline, Path(scratch) / "tokens", name, Path(scratch) / "model"))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def permuted_scores(
    pipeline: Pipeline,
    expression: Path,
    folds: pd.DataFrame,
    classes: list[str],
    *,
    permutations: range,
    log: logging.Logger = _QUIET,
) -> pd.DataFrame:
    """Score the variant under labels permuted between groups, everything done again: folds,
    encoding, fine-tuning.

    Parameters
    ----------
    permutations
        Numbers of the permutations; each depends on the seed and its number alone, so that several
        jobs can share them.

    Returns
    -------
    `epigpt.evaluation.permutation_test.NULL_COLUMNS`, a row per permutation and metric; none where
    there are no folds.
    """
    if not len(folds):
        return pd.DataFrame(columns=permutation_test.NULL_COLUMNS)
    observations, seed = open_observations(expression), pipeline.settings["seed"]
    tested = observations.index[observations.index["sample"].isin(folds["sample"])].drop_duplicates(
        "sample"
    )
    rows = []
    for number, drawn in enumerate(permutation_test.permuted(tested, permutations.stop, seed)):
        if number not in permutations:
            continue
        redrawn = cross_validation.folds(drawn, int(folds["fold"].max()) + 1, 1, seed)
        labels = dict(zip(drawn["sample"], drawn["label"], strict=True))
        held = held_out(from_expression(pipeline, observations, redrawn, classes, labels), classes)
        found = {
            metric: float(value[0]) for metric, value in scores(held, held.unit_weights()).items()
        }
        rows += [(pipeline.variant, number, metric, value) for metric, value in found.items()]
        log.info("permutation %d of %d: AUC %.3f", number + 1, permutations.stop, found["auc"])
    return pd.DataFrame(rows, columns=permutation_test.NULL_COLUMNS)


def recipe(settings: Mapping[str, Any], assay: str = "bulk") -> token_store.EncodingConfig:
    """Return the encoding that the settings describe for samples or cells."""
    settings = {**settings, "views": repetitions.views(settings["views"], assay)}
    return token_store.EncodingConfig(
        **{field.name: settings[field.name] for field in fields(token_store.EncodingConfig)}
    )


def _names(folds: pd.DataFrame) -> list[str]:
    pairs = folds[["repeat", "fold"]].astype(int).drop_duplicates().sort_values(["repeat", "fold"])
    return [f"repeat{repeat}/fold{fold}" for repeat, fold in pairs.itertuples(index=False)]


def _fold(pipeline: Pipeline, tokens: Path, name: str, output: Path) -> pd.DataFrame:
    settings = dict(pipeline.settings)
    if pipeline.variant == linear_probe.MODEL:
        return linear_probe.predictions(token_store.load(tokens), name, pipeline.preset, settings)
    request = Request(
        tokens=tokens,
        fit=name,
        preset=pipeline.preset,
        checkpoints=output / "steps",
        output=output,
        settings=settings,
        variant=pipeline.variant,
        kept=Kept.NOTHING,
    )
    if settings.get("adapt", 0) and pipeline.variant != ablations.RANDOM_WEIGHTS:
        adapted = output / "adapted"
        continued_pretraining.run(
            replace(request, checkpoints=output / "adapting", output=adapted),
            pipeline.threads,
            _QUIET,
        )
        request = replace(request, adapted=adapted)
    fit.run(request, pipeline.threads, _QUIET)
    read = pd.read_csv(
        output / "predictions.tsv",
        sep="\t",
        dtype=dict.fromkeys(("sample", "group", "truth", "class"), str),
        keep_default_na=False,
    )
    return read.assign(model=pipeline.variant)
