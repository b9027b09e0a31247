"""Score GPT-2 and the baselines, trained on one series, on another."""

import json

import pandas as pd

from epigpt import files, model_names
from epigpt.stages import entry


def main() -> None:
    """Read the joined series and GPT-2's predictions; write predictions, metrics and comparison of
    the tested series."""
    with entry.job(__doc__) as job:
        from epigpt.dataset import expression_data
        from epigpt.evaluation import cross_validation, predictions
        from epigpt.transfer import scores

        settings = job.settings
        summary = json.loads(job.file("summary").read_text(encoding="utf-8"))
        data = expression_data.read(job.file("expression"))
        folds = cross_validation.read(job.file("folds"))
        names = list(dict.fromkeys([model_names.REFERENCE, *settings["baselines"]]))
        others = scores.baseline_predictions(names, data, folds, settings["seed"])
        every = pd.concat([predictions.collect([job.file("gpt2")]), others], ignore_index=True)
        models = scores.arranged(every, summary["classes"])
        metrics, comparison = scores.score(
            models, settings["model"], settings["bootstrap"], settings["seed"]
        )
        pair = {key: summary[key] for key in scores.PAIR}
        predicted = predictions.ordered(every, summary["classes"])
        files.write_tsv(job.file("predictions"), predicted[predictions.COLUMNS])
        files.write_tsv(job.file("metrics"), metrics.assign(**pair)[scores.TRANSFER])
        files.write_tsv(job.file("comparison"), comparison)
        auc = metrics[metrics["metric"] == "auc"].set_index("model")["estimate"]
        job.log.info(
            "%s -> %s: AUC %s",
            pair["trained_on"],
            pair["tested_on"],
            ", ".join(f"{m} {v:.2f}" for m, v in auc.items()),
        )


if __name__ == "__main__":
    main()
