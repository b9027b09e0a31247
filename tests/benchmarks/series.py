"""Held-out AUC of every model on real labelled series and simulated families: `make bench-series`,
or with options `python tests/benchmarks/series.py --help`.

The workflow itself prepares the real series; the models are then fitted in this one process, with
the library calls that the rules make, on several draws of the folds (a simulated series is drawn
anew each time). A row is written after each fit. Rows that are in the table under the same settings
and code are not computed again, so that a stopped run goes on; `--show` prints the means.
"""

import argparse
import hashlib
import json
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(Path(__file__).parent)]

from series_data import CELLS, SIMULATED, Prepared, observed, prepare  # noqa: E402
from series_tasks import SERIES  # noqa: E402

from epigpt import files, model_names  # noqa: E402
from epigpt.config.loading import validated  # noqa: E402
from epigpt.dataset import expression_data  # noqa: E402
from epigpt.dataset.count_blocks import open_observations  # noqa: E402
from epigpt.evaluation import (  # noqa: E402
    baselines,
    cross_validation,
    intervals,
    predictions,
    refit_pipeline,
)
from epigpt.evaluation.metrics import scores  # noqa: E402
from epigpt.models import choice  # noqa: E402
from epigpt.provenance.fingerprint import fingerprint  # noqa: E402

TASKS = [*SERIES, *SIMULATED, CELLS]
DRAWS = 3
COLUMNS = [
    "task",
    "draw",
    "model",
    "auc",
    "low",
    "high",
    "n_samples",
    "n_groups",
    "seconds",
    "settings_and_code",
]
NOT_ASSESSABLE = "not assessable"


def main() -> None:
    """Fit what the table lacks, or print its means."""
    options = _options()
    warnings.simplefilter("ignore")
    rows = read(options.output)
    if not options.show:
        given = (pair.partition("=") for pair in options.set)
        asked = validated({key: yaml.safe_load(value) for key, _, value in given})
        settings = choice.resolve(asked, choice.Devices("no GPU")).model_dump(mode="json")
        for draw in range(options.draws):
            for task in options.tasks:
                rows = _of_task(task, draw, settings, rows, options)
    print(means(rows).to_string(float_format=lambda value: f"{value:.3f}"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--shared",
        type=Path,
        default=Path(os.environ.get("EPIGPT_SHARED", ROOT.parent / "shared")),
        help="test material",
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=ROOT / "results" / "bench-series",
        help="folder for prepared series",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "tests" / "benchmarks" / "series.tsv",
        help="the table",
    )
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=TASKS, metavar="TASK")
    parser.add_argument(
        "--models",
        nargs="*",
        default=[*model_names.BASELINES, "finetuned", "finetuned_no_blocks"],
        choices=[*model_names.BASELINES, *refit_pipeline.VARIANTS],
        metavar="MODEL",
    )
    parser.add_argument(
        "--draws", type=int, default=DRAWS, help="draws of the folds (default: %(default)s)"
    )
    parser.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="settings that differ from the defaults",
    )
    parser.add_argument(
        "--keep-old",
        action="store_true",
        help="do not compute again rows of other settings or code",
    )
    parser.add_argument("--show", action="store_true", help="print the means and compute nothing")
    return parser.parse_args()


def read(path: Path) -> pd.DataFrame:
    """Read the table; without rows where there is none."""
    if not path.is_file():
        return pd.DataFrame(columns=COLUMNS)
    return pd.read_csv(path, sep="\t", dtype={"settings_and_code": str})


def _of_task(
    task: str, draw: int, settings: dict[str, Any], rows: pd.DataFrame, options: argparse.Namespace
) -> pd.DataFrame:
    """Fit the models that the table lacks for one draw of a task; write after each."""
    # One draw of the folds, and everything else that is drawn, under a seed of its own.
    settings = {**settings, "seed": draw + 1, "repeats": 1}
    identities = {model: identity(model, settings) for model in options.models}
    own = rows[(rows["task"] == task) & (rows["draw"] == draw)]
    if not options.keep_old:
        known = [*identities.values(), ""]
        own = own[own["settings_and_code"].fillna("").isin(known)]
    if NOT_ASSESSABLE in set(own["model"]):
        return rows
    missing = [model for model in options.models if model not in set(own["model"])]
    if not missing:
        return rows
    prepared = prepare(task, draw, options.work.resolve(), options.shared.resolve())
    samples = observed(prepared.expression)
    assessment = cross_validation.assess(samples, settings["folds"])
    if not assessment.assessable:
        print(f"{task}: not assessable: {assessment.reason}", flush=True)
        nothing = {"n_samples": samples["sample"].nunique(), "settings_and_code": ""}
        row = {"task": task, "draw": draw, "model": NOT_ASSESSABLE, **nothing}
        return _with(rows, row, options.output)
    folds = cross_validation.folds(samples, settings["folds"], 1, settings["seed"])
    for model in missing:
        began = time.process_time()
        found = fit(model, prepared, folds, settings)
        seconds = round(time.process_time() - began, 1)
        row = {"task": task, "draw": draw, "model": model}
        row |= score(model, found, folds, prepared.classes, settings)
        row |= {"seconds": seconds, "settings_and_code": identities[model]}
        rows = _with(rows, row, options.output)
        print(f"{task} {draw} {model}: {row['auc']:.3f}, {seconds:.0f} s", flush=True)
    return rows


def _with(rows: pd.DataFrame, row: dict[str, Any], path: Path) -> pd.DataFrame:
    same = (
        (rows["task"] == row["task"])
        & (rows["draw"] == row["draw"])
        & (rows["model"] == row["model"])
    )
    added = pd.DataFrame([row], columns=COLUMNS)
    kept = rows[~same]
    rows = pd.concat([kept, added], ignore_index=True) if len(kept) else added
    place = {task: number for number, task in enumerate(TASKS)}
    rows = rows.sort_values(
        ["task", "draw", "model"],
        key=lambda column: column.map(place) if column.name == "task" else column,
        ignore_index=True,
    )
    files.write_tsv(path, rows)
    return rows


def fit(
    model: str, prepared: Prepared, folds: pd.DataFrame, settings: dict[str, Any]
) -> pd.DataFrame:
    """Return a model's held-out predictions."""
    if model in model_names.BASELINES:
        data = expression_data.read(prepared.expression)
        return baselines.cross_predict(model, data, folds, settings["seed"])
    pipeline = refit_pipeline.Pipeline(settings["model"], settings, model)
    return refit_pipeline.from_expression(
        pipeline, open_observations(prepared.expression), folds, prepared.classes
    )


def score(
    model: str,
    found: pd.DataFrame,
    folds: pd.DataFrame,
    classes: list[str],
    settings: dict[str, Any],
) -> dict[str, Any]:
    """Return AUC and its interval by groups."""
    held = predictions.by_model(found, folds, classes)[model]
    weights = intervals.resampled_weights(held, settings["bootstrap"], settings["seed"])
    auc = float(scores(held, held.unit_weights())["auc"][0])
    low, high = intervals.interval("auc", auc, scores(held, weights)["auc"], held)
    return {
        "auc": round(auc, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "n_samples": len(set(held.sample)),
        "n_groups": len(held.groups),
    }


def identity(model: str, settings: dict[str, Any]) -> str:
    """Name what decides a model's predictions: code, and the settings where they matter."""
    is_baseline = model in model_names.BASELINES
    own = {key: settings[key] for key in ("seed", "folds")} if is_baseline else settings
    code = fingerprint("baseline" if is_baseline else "null")
    text = json.dumps([model, code, own], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Return models × tasks: mean over the draws, best mean over tasks first; `spread` is the
    standard deviation between draws, averaged over tasks.

    Models are ranked over the tasks that all of them have; the null family counts for none.
    """
    rows = rows[rows["model"] != NOT_ASSESSABLE]
    cell = rows.groupby(["model", "task"], sort=False)["auc"]
    wide = cell.mean().unstack("task")
    common = [task for task in wide.columns[wide.notna().all()] if task != "simulated_null"]
    real: Sequence[str] = [task for task in common if task in SERIES]
    wide.insert(0, "mean", wide[common].mean(axis=1))
    wide.insert(1, "real", wide[list(real)].mean(axis=1))
    wide.insert(2, "spread", cell.std().unstack("task")[common].mean(axis=1))
    return wide.sort_values("mean", ascending=False)


if __name__ == "__main__":
    main()
