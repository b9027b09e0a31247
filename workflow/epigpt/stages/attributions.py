"""Attribute what the folds' models say of held-out samples to genes: Shapley values or integrated
gradients, and knock-out."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt import files
from epigpt.stages import entry
from epigpt.training import gpus


def main() -> None:
    """Read the folds' models, tokens and the contrasts; write attributions.tsv, the agreement curve
    and the summary."""
    with entry.job(__doc__) as job:
        if job.settings["attributions"] and job.files("tokens"):
            gpus.claim()
        weights = files.beneath(job.files("weights"), "model.safetensors")
        write(job, job.files("tokens"), [path.parent for path in weights])


def write(job: entry.Job, stores: Sequence[Path], models: Sequence[Path]) -> None:
    """Attribute the models of all folds, each in its folder beside its token store; tables without
    rows where there are none or the user wants none."""
    settings = job.settings
    if settings["attributions"] and stores:
        # Imported here: torch, transformers and captum take seconds, which a data set without
        # models need not wait for.
        from epigpt.interpretation import explain

        kinds = {"gene": str, "symbol": str, "contrast": str}
        contrasts = pd.read_csv(
            job.file("contrasts"), sep="\t", dtype=kinds, keep_default_na=False, na_values=[""]
        )
        places = [explain.Place(*pair) for pair in zip(stores, models, strict=True)]
        found, curve, summary = explain.attribute(
            places, contrasts, settings["knockouts"], job.threads, job.log
        )
    else:
        from epigpt.interpretation import attribution, ranking

        reason = (
            "no model was tested"
            if settings["attributions"]
            else "switched off by the key 'attributions'"
        )
        found, curve = (
            pd.DataFrame(columns=list(ranking.COLUMNS)),
            pd.DataFrame(columns=attribution.AGREEMENT),
        )
        summary = {"computed": False, "reason": reason}
        job.log.info("no attributions: %s", reason)
    files.write_tsv(job.file("attributions"), found)
    files.write_tsv(job.file("agreement"), curve)
    files.write_json(job.file("summary"), _without_nan(summary))


def _without_nan(summary: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in summary.items()
    }


if __name__ == "__main__":
    main()
