"""Held-out AUC of every model on real labelled series: `make bench-series`, or with options `python
tests/benchmarks/series.py --help`.

The workflow itself prepares the series (counts, quality control, folds); the models are then fitted
in this one process, with the library calls that the rules make. What was fitted before under the
same settings and code is taken from the work folder, so that a stopped run goes on.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(Path(__file__).parent)]

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
from epigpt.evaluation.permutation_test import NULL_COLUMNS  # noqa: E402
from epigpt.provenance.fingerprint import fingerprint  # noqa: E402

COLUMNS = ["series", "model", "auc", "low", "high", "n_samples", "n_groups", "seconds"]


def main() -> None:
    """Prepare, fit, score, print and write the table."""
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
        help="folder for prepared series and predictions",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "tests" / "benchmarks" / "series.tsv",
        help="the table",
    )
    parser.add_argument(
        "--series", nargs="*", choices=list(SERIES), default=list(SERIES), metavar="SERIES"
    )
    parser.add_argument(
        "--models",
        nargs="*",
        default=[*model_names.BASELINES, *refit_pipeline.VARIANTS],
        metavar="MODEL",
    )
    parser.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="settings that differ from the defaults",
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    settings = validated(
        {
            key: yaml.safe_load(value)
            for key, _, value in (pair.partition("=") for pair in options.set)
        }
    )
    work = options.work.resolve()
    prepare(
        work,
        options.shared.resolve(),
        options.series,
        {key: settings.value(key) for key in ("folds", "repeats", "seed")},
    )
    rows = []
    for series in options.series:
        rows += table(
            work / "run" / "results" / series,
            series,
            options.models,
            settings.model_dump(mode="json"),
            work / "fitted",
        )
        files.write_tsv(
            options.output, pd.DataFrame(rows, columns=COLUMNS)
        )  # after each series: what is done is never lost
    show(pd.DataFrame(rows, columns=COLUMNS))


def prepare(work: Path, shared: Path, names: list[str], config: dict[str, Any]) -> None:
    """Run the workflow up to expression and folds."""
    if not (shared / "geo-mirror").is_dir():
        sys.exit(
            f"no test material at {shared}: give its folder with --shared, or set EPIGPT_SHARED"
        )
    folder = work / "run"
    folder.mkdir(parents=True, exist_ok=True)
    columns = [
        "dataset",
        "source",
        "samples",
        "organism",
        "assay",
        "label",
        "case",
        "control",
        "group",
    ]
    lines = ["\t".join(columns)]
    for name, row in SERIES.items():
        cells = {**row, "dataset": name}
        cells.update(
            {
                key: str(shared / cells[key])
                for key in ("source", "samples")
                if "/" in cells.get(key, "")
            }
        )
        lines.append("\t".join(cells.get(column, "") for column in columns))
    files.write_text(folder / "datasets.tsv", "\n".join(lines) + "\n")
    files.write_text(
        folder / "config.yaml",
        yaml.safe_dump(
            {
                "datasets": "datasets.tsv",
                "geo": {"base_url": (shared / "geo-mirror").as_uri()},
                **config,
            }
        ),
    )
    targets = [
        f"results/{name}/{file}" for name in names for file in ("expression.h5ad", "folds.json")
    ]
    command = [
        sys.executable,
        "-m",
        "snakemake",
        *targets,
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--directory",
        str(folder),
    ]
    done = subprocess.run(
        [
            *command,
            "--configfile",
            str(folder / "config.yaml"),
            "--cores",
            "1",
            "--keep-going",
            "--quiet",
        ],
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        sys.exit(done.returncode)


def table(
    folder: Path, series: str, models: list[str], settings: dict[str, Any], fitted: Path
) -> list[tuple[Any, ...]]:
    """Score the models on one series."""
    summary = json.loads((folder / "folds.json").read_text(encoding="utf-8"))
    if not summary["assessable"]:
        print(f"{series}: not assessable: {summary['reason']}", flush=True)
        return [
            (
                series,
                "not assessable",
                None,
                None,
                None,
                sum(summary["samples_per_class"].values()),
                None,
                None,
            )
        ]
    folds = cross_validation.read(folder / "folds.tsv")
    parts, seconds = [], {}
    for model in models:
        path = fitted / series / f"{model}.{identity(model, settings, summary['checksum'])}.tsv"
        if not path.is_file():
            began = time.process_time()
            found = fit(model, folder, folds, summary["classes"], settings)
            files.write_tsv(path, found.assign(seconds=time.process_time() - began))
        part = pd.read_csv(path, sep="\t", keep_default_na=False)
        seconds[model] = float(part["seconds"].iloc[0])
        parts.append(path)
    arranged = predictions.by_model(predictions.collect(parts), folds, summary["classes"])
    weights = intervals.resampled_weights(
        next(iter(arranged.values())), settings["bootstrap"], settings["seed"]
    )
    scored = intervals.table(
        arranged, settings["model"], weights, pd.DataFrame(columns=NULL_COLUMNS)
    )
    auc = scored[scored["metric"] == "auc"].round({"estimate": 4, "low": 4, "high": 4})
    rows = [
        (
            series,
            row.model,
            row.estimate,
            row.low,
            row.high,
            row.n_samples,
            row.n_groups,
            round(seconds[str(row.model)], 1),
        )
        for row in auc.itertuples()
    ]
    print(
        f"{series}: "
        + ", ".join(
            f"{model} {value:.3f} [{low:.2f}, {high:.2f}]"
            for _, model, value, low, high, *_ in rows
        ),
        flush=True,
    )
    return rows


def fit(
    model: str, folder: Path, folds: pd.DataFrame, classes: list[str], settings: dict[str, Any]
) -> pd.DataFrame:
    """Give a model's held-out predictions."""
    if model in model_names.BASELINES:
        return baselines.cross_predict(
            model, expression_data.read(folder / "expression.h5ad"), folds, settings["seed"]
        )
    pipeline = refit_pipeline.Pipeline(settings["model"], settings, model)
    return refit_pipeline.from_expression(
        pipeline, open_observations(folder / "expression.h5ad"), folds, classes
    )


def identity(model: str, settings: dict[str, Any], checksum: str) -> str:
    """Name what decides a model's predictions: folds, code, and the settings where they matter."""
    own = {"seed": settings["seed"]} if model in model_names.BASELINES else settings
    code = fingerprint("baseline" if model in model_names.BASELINES else "null")
    return hashlib.sha256(json.dumps([checksum, code, own], sort_keys=True).encode()).hexdigest()[
        :12
    ]


def show(found: pd.DataFrame) -> None:
    """Print series × model, with the mean over series."""
    wide = found[found["auc"].notna()].pivot(index="model", columns="series", values="auc")
    wide["mean"] = wide.mean(axis=1)
    print(
        wide.sort_values("mean", ascending=False).to_string(
            float_format=lambda value: f"{value:.3f}"
        )
    )


if __name__ == "__main__":
    main()
