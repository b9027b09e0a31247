"""Collect held-out predictions, score every model on the same folds, decide the verdict."""

import json
from pathlib import Path

import pandas as pd

from epigpt import atomic
from epigpt.evaluation import metrics, verdict
from epigpt.stages import entry

PREDICTIONS = ["model", "repeat", "fold", "sample", "group", "truth", "class", "probability"]


def main() -> None:
    """Run the stage."""
    parser = entry.parser(__doc__)
    for name in ("--folds", "--folds-summary", "--samples", "--predictions", "--metrics", "--verdict"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--predictions-in", type=Path, nargs="+", required=True)
    with entry.job(parser) as job:
        options, settings = job.options, job.settings
        read = [
            pd.read_csv(path, sep="\t", dtype={"sample": str, "group": str, "truth": str, "class": str}, keep_default_na=False)
            for path in options.predictions_in
        ]
        filled = [table for table in read if len(table)]
        predictions = pd.concat(filled, ignore_index=True)[PREDICTIONS] if filled else pd.DataFrame(columns=PREDICTIONS)
        predictions["probability"] = predictions["probability"].astype(float)
        samples = pd.read_csv(options.samples, sep="\t", dtype=str, keep_default_na=False)
        folds = json.loads(options.folds_summary.read_text(encoding="utf-8"))
        scored, paired = pd.DataFrame(columns=metrics.COLUMNS), None
        if folds["assessable"]:
            scored = metrics.table(predictions, settings["model"], settings["bootstrap"], settings["seed"])
            auc = scored[scored["metric"] == "auc"].set_index("model")["estimate"]
            best = str(auc.drop("finetuned").idxmax())
            paired = metrics.difference(predictions, "finetuned", best, settings["bootstrap"], settings["seed"])
        classes = metrics.class_order(predictions) if folds["assessable"] else sorted(samples["label"].unique())
        asked = " from ".join(reversed(classes)) if len(classes) == 2 else " from ".join([", ".join(classes[:-1]), classes[-1]])
        decided = verdict.decide(scored, folds, samples, settings["ignore_confounders"], paired, asked)
        atomic.write_tsv(options.predictions, predictions)
        atomic.write_tsv(options.metrics, scored)
        atomic.write_json(options.verdict, decided)
        job.log.info("%s", decided["sentence"])


if __name__ == "__main__":
    main()
