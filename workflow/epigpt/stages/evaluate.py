"""Collect held-out predictions, score every model on the same folds, decide the answer."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt import files
from epigpt.evaluation import (
    answer,
    calibration,
    cross_validation,
    facts,
    foregone,
    intervals,
    permutation_test,
    predictions,
)
from epigpt.evaluation.metrics import HeldOut
from epigpt.model_names import FINETUNED
from epigpt.samples.donors import donor_word
from epigpt.stages import entry


def main() -> None:
    """Read predictions, folds and samples; write predictions.tsv, metrics.tsv, verdict.json and
    what the report draws."""
    with entry.job(__doc__) as job:
        settings = job.settings
        summary = json.loads(job.file("summary").read_text(encoding="utf-8"))
        samples = pd.read_csv(job.file("samples"), sep="\t", dtype=str, keep_default_na=False)
        accepted = settings["ignore_confounders"]
        _warn_of_unknown(accepted, samples, job.log.warning)
        classes = [
            str(name) for name in summary.get("classes") or sorted(set(samples["label"]) - {""})
        ]
        scored_files = [
            *files.beneath(job.files("finetuned"), "predictions.tsv"),
            *job.files("redraws"),
            *job.files("comparisons"),
            *job.files("baselines"),
        ]
        collected = predictions.ordered(predictions.collect(scored_files), classes)
        models: dict[str, HeldOut] = {}
        reading = json.loads(job.file("reading").read_text(encoding="utf-8"))
        donors = donor_word(str((reading.get("group") or {}).get("column") or ""))
        folds = cross_validation.read(job.file("folds"))
        judged = foregone.judge(job.file("quality"), reading, samples, folds, accepted)
        if summary["assessable"]:
            merged = facts.merged_donors(samples, folds)
            samples = foregone.as_tested(samples, folds)
            models = predictions.by_model(collected, folds, classes)
            permuted = _nulls(
                [*job.files("chance"), *job.files("refitted")],
                models,
                settings["permutations.fixed"],
                settings["seed"],
            )
            scored, compared, weights = _score(models, permuted, settings)
            warnings = [text for text in (merged, facts.unnamed_donors(samples)) if text]
            place = json.loads(job.file("locus").read_text(encoding="utf-8"))
            decided_on = facts.collect(
                models,
                scored,
                weights,
                permuted,
                judged,
                warnings=warnings,
                donor_word=donors,
                place=place,
            )
        else:
            permuted = pd.DataFrame(columns=permutation_test.KIND_COLUMNS)
            collected, scored = collected.iloc[:0], pd.DataFrame(columns=intervals.COLUMNS)
            compared = pd.DataFrame(columns=intervals.DIFFERENCES)
            decided_on = facts.untested(
                classes, summary["reason"], judged, summary.get("groups_per_class") or {}, donors
            )
        decided = answer.decide(decided_on).as_dict()
        files.write_tsv(job.file("predictions"), predictions.with_threshold(collected, classes))
        files.write_tsv(job.file("metrics"), scored)
        files.write_tsv(job.file("confounding"), judged)
        files.write_tsv(job.file("comparison"), compared)
        files.write_tsv(job.file("calibration"), calibration.curve(models))
        files.write_tsv(job.file("null"), permuted)
        files.write_json(job.file("verdict"), decided)
        job.log.info("%s", decided["sentence"])


def _score(
    models: dict[str, HeldOut], nulls: pd.DataFrame, settings: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame, Any]:
    weights = intervals.resampled_weights(
        models[FINETUNED], settings["bootstrap"], settings["seed"]
    )
    scored = intervals.table(models, settings["model"], weights, nulls)
    # The controls (random start, shuffled genes) have an interval too, but they are not rivals.
    rivals = facts.rivals(list(models))
    compared = [intervals.differences(models, FINETUNED, rivals, weights)]
    controls = [name for name in models if name != FINETUNED and name not in rivals]
    if controls:
        compared.append(intervals.differences(models, FINETUNED, controls, weights))
    return scored, pd.concat(compared, ignore_index=True), weights


def _nulls(
    paths: Sequence[Path], models: dict[str, HeldOut], fixed: int, seed: int
) -> pd.DataFrame:
    """Join the scores under permuted labels; models that were not refitted have their predictions
    held against permuted labels."""
    read = [pd.read_csv(path, sep="\t").assign(kind=permutation_test.REFITTED) for path in paths]
    filled = [table for table in read if len(table)]
    refitted = {str(name) for table in filled for name in table["model"]}
    if fixed:
        others = {name: held for name, held in models.items() if name not in refitted}
        drawn = permutation_test.fixed(others, fixed, seed)
        filled.append(drawn.assign(kind=permutation_test.FIXED))
    if not filled:
        return pd.DataFrame(columns=permutation_test.KIND_COLUMNS)
    joined = pd.concat(filled, ignore_index=True)
    return joined.sort_values(["model", "permutation"], kind="stable", ignore_index=True)[
        permutation_test.KIND_COLUMNS
    ]


def _warn_of_unknown(accepted: list[str], samples: pd.DataFrame, warn: Any) -> None:
    for name in accepted:
        if name not in samples.columns:
            warn("ignore_confounders names '%s', which this data set does not have.", name)


if __name__ == "__main__":
    main()
