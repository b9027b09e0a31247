"""Score GPT-2 and the baselines, trained on one series, on another."""

import json
from pathlib import Path

import pandas as pd

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read the joined series and GPT-2's predictions; write predictions, metrics and comparison of
    the tested series."""
    parser = entry.parser(__doc__)
    for name in (
        "--expression",
        "--folds",
        "--join-summary",
        "--gpt2",
        "--predictions",
        "--metrics",
        "--comparison",
    ):
        parser.add_argument(name, type=Path, required=True)
    with entry.job(parser) as job:
        from epigpt.dataset import expression_data
        from epigpt.evaluation import cross_validation, predictions
        from epigpt.transfer import scores

        options, settings = job.options, job.settings
        summary = json.loads(options.join_summary.read_text(encoding="utf-8"))
        data, folds = expression_data.read(options.expression), cross_validation.read(options.folds)
        names = list(dict.fromkeys(["logistic_l2", *settings["baselines"]]))
        others = scores.baseline_predictions(names, data, folds, settings["seed"])
        every = pd.concat([predictions.collect([options.gpt2]), others], ignore_index=True)
        models = scores.arranged(every, summary["classes"])
        metrics, comparison = scores.score(
            models, settings["model"], settings["bootstrap"], settings["seed"]
        )
        told = {key: summary[key] for key in ("trained_on", "tested_on", "shared_genes")}
        files.write_tsv(
            options.predictions, predictions.ordered(every, summary["classes"])[predictions.COLUMNS]
        )
        files.write_tsv(options.metrics, metrics.assign(**told)[scores.TRANSFER])
        files.write_tsv(options.comparison, comparison)
        auc = metrics[metrics["metric"] == "auc"].set_index("model")["estimate"]
        job.log.info(
            "%s -> %s: AUC %s",
            told["trained_on"],
            told["tested_on"],
            ", ".join(f"{m} {v:.2f}" for m, v in auc.items()),
        )


if __name__ == "__main__":
    main()
