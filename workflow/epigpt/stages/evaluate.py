"""Collect held-out predictions, score every model on the same folds, decide the verdict."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt import atomic, splits
from epigpt.evaluation import calibration, confounding, intervals, null, predictions, verdict
from epigpt.evaluation.metrics import HeldOut
from epigpt.stages import entry


def main() -> None:
    """Read predictions, folds and samples; write predictions.tsv, metrics.tsv, verdict.json and what the report draws."""
    parser = entry.parser(__doc__)
    for name in ("--folds", "--folds-summary", "--samples", "--predictions", "--metrics", "--verdict"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--predictions-in", type=Path, nargs="+", required=True, help="of GPT-2's folds and of the baselines")
    parser.add_argument("--null-in", type=Path, nargs="*", default=[], help="scores under permuted labels")
    parser.add_argument("--confounding", type=Path, help="table of the characteristics against the label")
    parser.add_argument("--comparison", type=Path, help="table of GPT-2's AUC minus that of each other model")
    parser.add_argument("--calibration", type=Path, help="table of calibration curves")
    with entry.job(parser) as job:
        options, settings = job.options, job.settings
        summary = json.loads(options.folds_summary.read_text(encoding="utf-8"))
        samples = pd.read_csv(options.samples, sep="\t", dtype=str, keep_default_na=False)
        judged = confounding.table(samples, settings["ignore_confounders"])
        _warn_of_unknown(settings["ignore_confounders"], samples, job.log.warning)
        classes = [str(name) for name in summary.get("classes") or sorted(set(samples["label"]))]
        collected = predictions.ordered(predictions.collect(options.predictions_in), classes)
        models: dict[str, HeldOut] = {}
        if summary["assessable"]:
            models = predictions.by_model(collected, splits.read(options.folds), classes)
            scored, compared = _score(models, _nulls(options.null_in), settings)
            decided = verdict.decide(scored, compared, judged, classes)
        else:
            collected, scored = collected.iloc[:0], pd.DataFrame(columns=intervals.COLUMNS)
            compared = pd.DataFrame(columns=["model", "versus", "estimate", "low", "high", "share_above"])
            decided = verdict.not_assessable(summary["reason"], classes, judged)
        atomic.write_tsv(options.predictions, collected[predictions.COLUMNS])
        atomic.write_tsv(options.metrics, scored)
        drawn = ((options.confounding, judged), (options.comparison, compared), (options.calibration, calibration.curve(models)))
        for path, table in drawn:
            if path is not None:
                atomic.write_tsv(path, table)
        atomic.write_json(options.verdict, decided)
        job.log.info("%s", decided["sentence"])


def _score(models: dict[str, HeldOut], nulls: pd.DataFrame, settings: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame]:
    weights = intervals.resampled_weights(models[verdict.GPT2], settings["bootstrap"], settings["seed"])
    scored = intervals.table(models, settings["model"], weights, nulls)
    others = [model for model in models if model != verdict.GPT2]
    return scored, intervals.differences(models, verdict.GPT2, others, weights)


def _nulls(paths: Sequence[Path]) -> pd.DataFrame:
    read = [table for table in (pd.read_csv(path, sep="\t") for path in paths) if len(table)]
    return pd.concat(read, ignore_index=True) if read else pd.DataFrame(columns=null.NULL_COLUMNS)


def _warn_of_unknown(accepted: list[str], samples: pd.DataFrame, warn: Any) -> None:
    for name in accepted:
        if name not in samples.columns:
            warn("ignore_confounders names '%s', which this data set does not have.", name)


if __name__ == "__main__":
    main()
