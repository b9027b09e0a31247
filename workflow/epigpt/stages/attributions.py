"""Attribute what the folds' models say of held-out samples to genes: integrated gradients and
knock-out."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt import files
from epigpt.stages import entry
from epigpt.training import gpus


def main() -> None:
    """Read the folds' models, tokens and the contrasts; write attributions.tsv, the agreement curve
    and the summary."""
    parser = entry.parser(__doc__)
    parser.add_argument(
        "--tokens",
        type=Path,
        nargs="*",
        default=[],
        help="token store of each fit; none where no model was tested",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        nargs="*",
        default=[],
        help="weights of each fit's model, in the same order",
    )
    parser.add_argument("--contrasts", type=Path, required=True, help="differential_expression.tsv")
    parser.add_argument("--output", type=Path, required=True, help="attributions.tsv")
    parser.add_argument(
        "--agreement", type=Path, required=True, help="overlap with differential expression"
    )
    parser.add_argument(
        "--summary",
        type=Path,
        required=True,
        help="JSON file: method, stability, agreement, check by random weights",
    )
    with entry.job(parser) as job:
        options, settings = job.options, job.settings
        if settings["attributions"] and options.tokens:
            gpus.claim()
            # Imported here: torch, transformers and captum take seconds, which a data set without
            # models need not wait for.
            from epigpt.interpretation import explain

            kinds = {"gene": str, "symbol": str, "contrast": str}
            contrasts = pd.read_csv(
                options.contrasts, sep="\t", dtype=kinds, keep_default_na=False, na_values=[""]
            )
            places = [
                explain.Place(tokens, weights.parent)
                for tokens, weights in zip(options.tokens, options.weights, strict=True)
            ]
            found, curve, summary = explain.attribute(
                places, contrasts, settings["knockouts"], job.threads, job.log
            )
        else:
            from epigpt.interpretation import attribution

            reason = (
                "no model was tested"
                if settings["attributions"]
                else "switched off by the key 'attributions'"
            )
            found, curve = (
                pd.DataFrame(columns=attribution.ATTRIBUTIONS),
                pd.DataFrame(columns=attribution.AGREEMENT),
            )
            summary = {"computed": False, "reason": reason}
            job.log.info("no attributions: %s", reason)
        files.write_tsv(options.output, found)
        files.write_tsv(options.agreement, curve)
        files.write_json(options.summary, _without_nan(summary))


def _without_nan(summary: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in summary.items()
    }


if __name__ == "__main__":
    main()
