"""Does the verdict keep its promise on simulated series whose truth is known? `make bench-honesty`,
or this file with --help.

Kinds of series (`honesty_kinds.py`), each drawn with a seed of its own and judged by the workflow's
own library calls.

With --quick the series have 1,500 genes, planted effects are three times the default ones, and the
recipe is a small one (`QUICK`): one draw of three folds, six epochs, two rivals. It asks the rules
of the verdict and the guards before them; what the default recipe sees is asked without --quick.
The families whose bound is the recipe's (sparse, nuisance, interaction) are left out.

Else the recipe is the default one: preset tiny and all settings as in config/config.yaml, quality
control and the descriptive parts left out, and no permutations, which can only take a claim away.
The rivals (baselines, GPT-2 without blocks) are fitted where the verdict is still open after GPT-2
and logistic regression; where these say no_evidence, no rival changes it. A row is written after
each series, and rows that are there under the same settings and code are not computed again, so
that a stopped run goes on.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import anndata
import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(Path(__file__).parent)]

from honesty_kinds import BOUNDS, DESIGNS, NUMBERS, QUICK_NUMBERS, design, spoilt  # noqa: E402
from series_data import write  # noqa: E402

from epigpt import files, model_names  # noqa: E402
from epigpt.config.loading import validated  # noqa: E402
from epigpt.config.repetitions import repeats as drawn_repeats  # noqa: E402
from epigpt.dataset import expression_data  # noqa: E402
from epigpt.dataset.count_blocks import open_observations  # noqa: E402
from epigpt.evaluation import (  # noqa: E402
    answer,
    baselines,
    confounding,
    cross_validation,
    facts,
    intervals,
    predictions,
    refit_pipeline,
)
from epigpt.evaluation.permutation_test import KIND_COLUMNS  # noqa: E402
from epigpt.expression import replicates  # noqa: E402
from epigpt.model_names import FINETUNED, NO_BLOCKS, REFERENCE  # noqa: E402
from epigpt.models import choice  # noqa: E402
from epigpt.provenance.fingerprint import fingerprint  # noqa: E402
from epigpt.simulation.design import CASE, CONTROL  # noqa: E402
from epigpt.simulation.simulate import Simulated, simulate  # noqa: E402

QUICK = {
    "max_genes": 64,
    "vocabulary_genes": 300,
    "views": 2,
    "epochs": 6,
    "global_batch_size": 8,
    "folds": 3,
    "repeats": 1,
    "baselines": ["logistic_l1", "logistic_l2"],
    "bootstrap": 500,
}
CLASSES = [CONTROL, CASE]
COLUMNS = [
    "kind",
    "seed",
    "verdict",
    "auc",
    "low",
    "high",
    "best_rival",
    "best_rival_auc",
    "seconds",
    "settings_and_code",
]


def main() -> None:
    """Judge the series that the table lacks, then hold the shares against their bounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "tests" / "benchmarks" / "honesty.tsv",
        help="the table",
    )
    parser.add_argument("--quick", action="store_true", help="small series, a small recipe")
    parser.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="settings that differ from the defaults",
    )
    parser.add_argument(
        "--numbers",
        nargs="*",
        default=[],
        metavar="KIND=N",
        help="series of each kind (default: `NUMBERS`, or `QUICK_NUMBERS`)",
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    given = (pair.partition("=") for pair in options.set)
    chosen = {key: yaml.safe_load(value) for key, _, value in given}
    asked = validated((QUICK if options.quick else {}) | chosen)
    settings = choice.resolve(asked, choice.Devices("no GPU")).model_dump()
    numbers = {
        **(QUICK_NUMBERS if options.quick else NUMBERS),
        **{
            kind: int(number)
            for kind, _, number in (pair.partition("=") for pair in options.numbers)
        },
    }
    decided_by = [
        settings,
        options.quick,
        fingerprint("null"),
        fingerprint("baseline"),
        fingerprint("evaluate"),
    ]
    identity = hashlib.sha256(
        json.dumps(decided_by, sort_keys=True, default=str).encode()
    ).hexdigest()[:8]
    rows = (
        pd.read_csv(options.output, sep="\t", keep_default_na=False)
        if options.output.is_file()
        else pd.DataFrame(columns=COLUMNS)
    )
    rows = rows[rows["settings_and_code"].astype(str) == identity]
    # The kinds in turn, so that a run that is stopped has some of each.
    wanted = sorted(
        ((seed, kind) for kind in DESIGNS for seed in range(numbers[kind])),
        key=lambda one: (one[0] / numbers[one[1]], one[1]),
    )
    done = set(zip(rows["seed"].astype(int), rows["kind"], strict=True))
    for seed, kind in wanted:
        if (seed, kind) in done:
            continue
        row = {
            "kind": kind,
            "seed": seed,
            **judge(spoilt(kind, simulate(seed, design(kind, options.quick)), seed), settings),
            "settings_and_code": identity,
        }
        rows = pd.concat([rows, pd.DataFrame([row])], ignore_index=True)[COLUMNS]
        files.write_tsv(options.output, rows.sort_values(["kind", "seed"], ignore_index=True))
        print(
            f"{kind} {seed}: {row['verdict']}, AUC {row['auc']:.3f}, {row['seconds']:.0f} s",
            flush=True,
        )
    sys.exit(0 if report(rows) else 1)


def repeats(settings: dict[str, Any]) -> int:
    """Return how often the folds are drawn."""
    return drawn_repeats(settings["repeats"], settings["model"])["all"]


def report(rows: pd.DataFrame) -> bool:
    """Print each kind's share of claims beside its bounds; say whether all are kept."""
    kept = True
    for kind, (claims, low, high) in BOUNDS.items():
        own = rows[rows["kind"] == kind]
        if len(own):
            share = float(own["verdict"].isin(claims).mean())
            kept &= low <= share <= high
            print(
                f"{kind}: {share:.0%} of {len(own)} series said to be {' or '.join(claims)},"
                f" promised {low:.0%} to {high:.0%}"
            )
    return kept


def judge(series: Simulated, settings: dict[str, Any]) -> dict[str, Any]:
    """Give the verdict on one series, as the workflow would."""
    began = time.process_time()
    with tempfile.TemporaryDirectory(prefix="epigpt.") as folder:
        path = Path(folder) / "expression.h5ad"
        write(series, path)
        _merge_libraries(path)
        data, tokens = expression_data.read(path), open_observations(path)
        known = pd.DataFrame({"sample": data.sample, "group": data.group, "label": data.label})
        folds = cross_validation.folds(
            known, settings["folds"], repeats(settings), settings["seed"]
        )
        samples = series.samples.rename(columns={"condition": "characteristic"}).reset_index()
        samples = known.merge(samples.drop(columns="characteristic"), on="sample")
        judged = confounding.table(samples)
        fitted: dict[str, pd.DataFrame] = {}
        decided: dict[str, Any] = {}
        for models in (
            [FINETUNED, REFERENCE],
            [*settings["baselines"], NO_BLOCKS],
        ):
            for model in models:
                if model in fitted:
                    continue
                if model in model_names.BASELINES:
                    fitted[model] = baselines.cross_predict(model, data, folds, settings["seed"])
                else:
                    pipeline = refit_pipeline.Pipeline(settings["model"], settings, model)
                    fitted[model] = refit_pipeline.from_expression(pipeline, tokens, folds, CLASSES)
            decided = decide(fitted, folds, judged, settings)
            if decided["verdict"] in ("no_evidence", "confounded"):
                break
    gpt2, best = decided["auc"][FINETUNED], decided["best_rival"]
    return {
        "verdict": decided["verdict"],
        "auc": round(gpt2["estimate"], 4),
        "low": round(gpt2["low"], 4),
        "high": round(gpt2["high"], 4),
        "best_rival": best,
        "best_rival_auc": round(decided["auc"][best]["estimate"], 4),
        "seconds": round(time.process_time() - began, 1),
    }


def _merge_libraries(path: Path) -> None:
    """Group libraries of one donor, as the stage expression does."""
    data = anndata.read_h5ad(path)
    found = replicates.merge(data)
    if found.samples:
        data.obs["group"] = found.group
        data.write_h5ad(path)


def decide(
    fitted: dict[str, pd.DataFrame],
    folds: pd.DataFrame,
    judged: pd.DataFrame,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """Score the models and apply the rules."""
    arranged = predictions.by_model(pd.concat(fitted.values(), ignore_index=True), folds, CLASSES)
    weights = intervals.resampled_weights(
        arranged[FINETUNED], settings["bootstrap"], settings["seed"]
    )
    none = pd.DataFrame(columns=KIND_COLUMNS)
    scored = intervals.table(arranged, settings["model"], weights, none)
    told = facts.collect(arranged, scored, weights, none, judged)
    return answer.decide(told).as_dict()


if __name__ == "__main__":
    main()
