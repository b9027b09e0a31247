"""Held-out AUC of linear starts, before any step is taken: which kinds of program, in which shares.

    python tests/benchmarks/starts.py results/bench-series/run/results/*/expression.h5ad --draws 2

takes finished expression.h5ad files; with --simulated the simulated families as well. Each fold's
programs are fitted once and every start is made of them. No GPT-2 is trained.
"""

import argparse
import contextlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(Path(__file__).parent)]

from series_data import SIMULATED, Prepared, labels, observed, prepare  # noqa: E402
from series_tasks import SERIES  # noqa: E402

from epigpt import files  # noqa: E402
from epigpt.dataset.count_blocks import open_observations  # noqa: E402
from epigpt.encoding import fold_sets, linear_start, programs_of_fit, training_sums  # noqa: E402
from epigpt.encoding.programs import COMPONENT, GENE, PAIR, RULE, Programs  # noqa: E402
from epigpt.evaluation import cross_validation, predictions  # noqa: E402
from epigpt.evaluation.metrics import scores  # noqa: E402
from epigpt.samples.classes import class_order  # noqa: E402

_ORDER = (RULE, COMPONENT, PAIR, GENE)
STARTS = {
    name: dict(zip(_ORDER, shares, strict=True))
    for name, shares in {
        "rule alone": (1, 0, 0, 0),
        "components alone": (0, 1, 0, 0),
        "pairs alone": (0, 0, 1, 0),
        "genes alone": (0, 0, 0, 1),
        "rule : components : pairs = 1 : 1 : 1": (1, 1, 1, 0),
        "3 : 1 : 1": (3, 1, 1, 0),
        "5 : 1 : 1": (5, 1, 1, 0),
        "3 : 1 : 1, genes 1": (3, 1, 1, 1),
        "components, pairs, genes": (0, 1, 1, 1),
    }.items()
}


def main() -> None:
    """Score every start on every task and draw; print the means."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("expression", nargs="*", type=Path)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--simulated", action="store_true")
    parser.add_argument("--table", type=Path, help="where the rows go")
    options = parser.parse_args()
    rows = []
    for draw in range(options.draws):
        for task, series in _tasks(options, draw):
            for name, auc in of_task(series, draw + 1).items():
                rows.append((task, draw, name, round(auc, 4)))
            print(task, draw, rows[-len(STARTS) :], file=sys.stderr, flush=True)
            if options.table:
                frame = pd.DataFrame(rows, columns=["task", "draw", "start", "auc"])
                files.write_tsv(options.table, frame)
    table = pd.DataFrame(rows, columns=["task", "draw", "start", "auc"])
    wide = table.groupby(["start", "task"])["auc"].mean().unstack("task")
    wide.insert(0, "mean", wide.drop(columns="simulated_null", errors="ignore").mean(axis=1))
    print(wide.sort_values("mean").to_string(float_format=lambda value: f"{value:.3f}"))


def _tasks(options: argparse.Namespace, draw: int) -> Iterator[tuple[str, Prepared]]:
    for path in options.expression:
        row = SERIES[path.parent.name]
        classes = class_order(labels(path), row.get("case", ""), row.get("control", ""))
        yield path.parent.name, Prepared(path, classes)
    for task in SIMULATED if options.simulated else ():
        yield task, prepare(task, draw, ROOT / "results" / "bench-series", Path())


def of_task(series: Prepared, seed: int, size: tuple[int, int] = (128, 1000)) -> dict[str, float]:
    """Return the AUC of each start on one draw of folds; none where it is not assessable.

    Parameters
    ----------
    size
        The settings max_genes and vocabulary_genes.
    """
    observations, samples = open_observations(series.expression), observed(series.expression)
    if not cross_validation.assess(samples, 5).assessable:
        return {}
    folds = cross_validation.folds(samples, 5, 1, seed)
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in STARTS}
    for fold in sorted(folds["fold"].unique()):
        held = fold_sets.in_test_set(folds, f"repeat0/fold{fold}", observations.index["sample"])
        chosen = programs_of_fit.Chosen(True, True, tuple(series.classes), seed)
        with _every_start() as made:
            columns, reference = programs_of_fit.fit(
                observations, np.flatnonzero(~held), programs_of_fit.Size(*size), chosen
            )
        test = np.flatnonzero(held)
        deviations = np.concatenate(
            [
                reference.deviations(block[:, columns])
                for _, block in training_sums.expression(observations, test)
            ]
        )
        for name, programs in made.items():
            logits = programs.scores(deviations) @ programs.weights + programs.bias
            chances = np.exp(logits - logits.max(axis=1, keepdims=True))
            chances /= chances.sum(axis=1, keepdims=True)
            frame = _predicted(observations.index.iloc[test], chances, series.classes)
            parts[name].append(frame.assign(model=name, repeat=0, fold=fold))
    found = {}
    for name, frames in parts.items():
        tested = predictions.by_model(pd.concat(frames), folds, series.classes)[name]
        found[name] = float(scores(tested, tested.unit_weights())["auc"][0])
    return found


def _predicted(index: pd.DataFrame, chances: np.ndarray, classes: list[str]) -> pd.DataFrame:
    named = index[["sample", "group", "label"]].astype(str).rename(columns={"label": "truth"})
    wide = named.assign(**{name: chances[:, at] for at, name in enumerate(classes)})
    means = wide.groupby(["sample", "group", "truth"], as_index=False)[classes].mean()
    return means.melt(["sample", "group", "truth"], var_name="class", value_name="probability")


@contextlib.contextmanager
def _every_start() -> Iterator[dict[str, Programs]]:
    """Make all starts of each fit, from one judgement of its programs."""
    made: dict[str, Programs] = {}
    honest, nested = linear_start.fit, linear_start._nested

    def every(programs: Programs, given: np.ndarray, **rest: Any) -> Programs:
        judged = nested(
            programs,
            np.searchsorted(np.sort(rest["classes"]), rest["label"]),
            rest["group"],
            rest["rescored"],
            rest["seed"],
        )
        with mock.patch.object(linear_start, "_nested", side_effect=lambda *_: dict(judged)):
            for name, shares in STARTS.items():
                with mock.patch.object(linear_start, "SHARES", shares):
                    made[name] = honest(programs, given, **rest)
        return made[name]

    with mock.patch.object(linear_start, "fit", every):
        yield made


if __name__ == "__main__":
    main()
