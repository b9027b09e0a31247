"""Collect held-out predictions, score every model on the same folds, decide the verdict."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt import files
from epigpt.evaluation import (
    calibration,
    confounding,
    cross_validation,
    intervals,
    permutation_test,
    predictions,
    verdict,
)
from epigpt.evaluation.metrics import HeldOut
from epigpt.stages import entry


def main() -> None:
    """Read predictions, folds and samples; write predictions.tsv, metrics.tsv, verdict.json and
    what the report draws."""
    with entry.job(__doc__) as job:
        settings = job.settings
        summary = json.loads(job.file("summary").read_text(encoding="utf-8"))
        samples = pd.read_csv(job.file("samples"), sep="\t", dtype=str, keep_default_na=False)
        judged = confounding.table(samples, settings["ignore_confounders"])
        _warn_of_unknown(settings["ignore_confounders"], samples, job.log.warning)
        classes = [str(name) for name in summary.get("classes") or sorted(set(samples["label"]))]
        scored_files = [
            path for name in ("finetuned", "comparisons", "baselines") for path in job.files(name)
        ]
        collected = predictions.ordered(predictions.collect(scored_files), classes)
        models: dict[str, HeldOut] = {}
        if summary["assessable"]:
            folds = cross_validation.read(job.file("folds"))
            models = predictions.by_model(collected, folds, classes)
            permuted = _nulls(
                [*job.files("chance"), *job.files("refitted")],
                models[verdict.GPT2],
                settings["permutations.fixed"],
                settings["seed"],
            )
            scored, compared = _score(models, permuted, settings)
            decided = verdict.decide(scored, compared, judged, classes) | {"null": _told(permuted)}
        else:
            permuted = pd.DataFrame(columns=permutation_test.KIND_COLUMNS)
            collected, scored = collected.iloc[:0], pd.DataFrame(columns=intervals.COLUMNS)
            compared = pd.DataFrame(
                columns=["model", "versus", "estimate", "low", "high", "share_above"]
            )
            decided = verdict.not_assessable(summary["reason"], classes, judged)
        files.write_tsv(job.file("predictions"), collected[predictions.COLUMNS])
        files.write_tsv(job.file("metrics"), scored)
        files.write_tsv(job.file("confounding"), judged)
        files.write_tsv(job.file("comparison"), compared)
        files.write_tsv(job.file("calibration"), calibration.curve(models))
        files.write_tsv(job.file("null"), permuted)
        files.write_json(job.file("verdict"), decided)
        job.log.info("%s", decided["sentence"])


def _score(
    models: dict[str, HeldOut], nulls: pd.DataFrame, settings: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    weights = intervals.resampled_weights(
        models[verdict.GPT2], settings["bootstrap"], settings["seed"]
    )
    scored = intervals.table(models, settings["model"], weights, nulls)
    others = [model for model in models if model != verdict.GPT2]
    return scored, intervals.differences(models, verdict.GPT2, others, weights)


def _nulls(paths: Sequence[Path], gpt2: HeldOut, fixed: int, seed: int) -> pd.DataFrame:
    read = [pd.read_csv(path, sep="\t").assign(kind=permutation_test.REFITTED) for path in paths]
    if fixed:
        read.append(
            permutation_test.fixed(verdict.GPT2, gpt2, fixed, seed).assign(
                kind=permutation_test.FIXED
            )
        )
    filled = [table for table in read if len(table)]
    joined = (
        pd.concat(filled, ignore_index=True)
        if filled
        else pd.DataFrame(columns=permutation_test.KIND_COLUMNS)
    )
    return joined.sort_values(["model", "permutation"], kind="stable", ignore_index=True)[
        permutation_test.KIND_COLUMNS
    ]


def _told(permuted: pd.DataFrame) -> dict[str, Any]:
    """Say what stands behind GPT-2's p, for the reader of verdict.json."""
    own = permuted[permuted["model"] == verdict.GPT2]
    if own.empty:
        return {
            "permutations": 0,
            "kind": "none",
            "note": "no labels were permuted, so there is no p (setting: permutations)",
        }
    kind = str(own["kind"].iloc[0])
    note = {
        permutation_test.REFITTED: (
            "labels permuted between groups, encoding and fine-tuning run again each time"
        ),
        permutation_test.FIXED: (
            "labels permuted between groups against held-out predictions left as they are: a"
            " cheaper null that repeats no training"
        ),
    }[kind]
    return {"permutations": int(own["permutation"].nunique()), "kind": kind, "note": note}


def _warn_of_unknown(accepted: list[str], samples: pd.DataFrame, warn: Any) -> None:
    for name in accepted:
        if name not in samples.columns:
            warn("ignore_confounders names '%s', which this data set does not have.", name)


if __name__ == "__main__":
    main()
