"""Scores of drawn models in the shape of the contract: predictions, metrics, comparisons."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from epigpt.evaluation import intervals
from epigpt.evaluation import predictions as collected
from epigpt.evaluation.answer import decide
from epigpt.evaluation.evidence import Facts, Score
from report_tables import METRICS, MODELS, tsv, write_json


def performance(
    folder: Path,
    table: pd.DataFrame,
    classes: tuple[str, ...],
    assessable: bool,
    rng: np.random.Generator,
) -> None:
    predictions, metrics = [], []
    for at, model in enumerate(MODELS if assessable else ()):
        for repeat in range(2):
            truth = np.array([classes.index(name) for name in table["label"]])
            raw = rng.gamma(1, 1, (len(table), len(classes))) + np.eye(len(classes))[truth] * (
                3 - at * 0.6
            )
            share = raw / raw.sum(axis=1, keepdims=True)
            predictions += [
                {
                    "model": model,
                    "repeat": repeat,
                    "fold": row % 3,
                    "sample": table["sample"][row],
                    "group": table["group"][row],
                    "truth": table["label"][row],
                    "class": name,
                    "probability": share[row, c],
                }
                for row in range(len(table))
                for c, name in enumerate(classes)
            ]
        for metric in METRICS:
            estimate = 0.9 - 0.08 * at
            metrics.append(
                [
                    model,
                    "tiny" if model == "finetuned" else "",
                    metric,
                    estimate,
                    estimate - 0.2,
                    min(1, estimate + 0.1),
                    "",
                    "",
                    "",
                    len(table),
                    table["group"].nunique(),
                ]
            )
    held_out = pd.DataFrame(predictions, columns=collected.COLUMNS).assign(threshold=0.5)
    tsv(folder / "predictions.tsv", held_out[collected.WRITTEN])
    tsv(folder / "metrics.tsv", pd.DataFrame(metrics, columns=intervals.COLUMNS))
    sizes = dict.fromkeys(classes, 6)
    one = Score(0.82, 0.6, 0.93, 0.55, None, 0.08, 0.01, 0.15)
    facts = Facts(
        classes=classes,
        groups_per_class=sizes,
        n_samples=len(table),
        n_groups=len(table),
        gpt2=Score(0.9, 0.7, 1.0, 0.7) if assessable else None,
        rivals={"logistic_l2": one} if assessable else {},
        smallest_auc=0.8,
        reason="" if assessable else f"class '{classes[-1]}' has 2 groups",
    )
    verdict = decide(facts).as_dict()
    write_json(folder / "verdict.json", verdict)
    for fit in ["repeat0/fold0", "repeat0/fold1", "final"] if assessable else []:
        place = folder / "models" / "tiny" / fit
        place.mkdir(parents=True)
        memory, seconds = 10**9, 4.5
        lines = [
            json.dumps(
                {
                    "step": step + 1,
                    "epoch": 0.1 * step,
                    "loss": 0.7 * 0.8**step,
                    "tokens_per_second": 100.0,
                    "memory_bytes": memory,
                    "seconds": seconds,
                }
            )
            for step in range(8)
        ]
        (place / "training.jsonl").write_text("\n".join(lines) + '\n{"step": 9, "lo')
        write_json(
            place / "plan.json",
            {"steps": 8, "hours": 0.01, "bytes": {"total": 2 * 10**9}, "why": ["fits"]},
        )


def comparison(
    folder: Path, classes: tuple[str, ...], assessable: bool, rng: np.random.Generator
) -> None:
    models = MODELS if assessable else ()
    frame = pd.DataFrame(
        {
            "model": "finetuned",
            "versus": models[1:],
            "estimate": 0.08,
            "low": -0.05,
            "high": 0.2,
            "share_above": 0.9,
        }
    )
    tsv(folder / "comparison.tsv", frame)
    rows = [
        (model, name, at, 0.1 + 0.2 * at, 0.15 + 0.18 * at, 0.0, 1.0, 4)
        for model in models
        for name in classes[-1:]
        for at in range(4)
    ]
    tsv(
        folder / "calibration.tsv",
        pd.DataFrame(
            rows, columns=["model", "class", "bin", "probability", "observed", "low", "high", "n"]
        ),
    )
    drawn = [
        (model, at, "auc", value, "refitted")
        for model in models[:2]
        for at, value in enumerate(rng.normal(0.5, 0.1, 30))
    ]
    tsv(
        folder / "null.tsv",
        pd.DataFrame(drawn, columns=["model", "permutation", "metric", "value", "kind"]),
    )
    curve = [
        ("logistic_l2", share, 8 * share, repeat, 0.6 + 0.2 * share)
        for repeat in range(2)
        for share in (0.25, 0.5, 1.0)
        if assessable
    ]
    tsv(
        folder / "learning_curve.tsv",
        pd.DataFrame(curve, columns=["model", "share", "n_groups", "repeat", "auc"]),
    )
    judged = [
        ("condition", 2, 6, 1.0, "states the label", "False"),
        ("sex", 2, 6, 0.1, "balanced or partly associated", "False"),
    ]
    columns = ["characteristic", "values", "groups", "association", "kind", "accepted"]
    tsv(folder / "confounding.tsv", pd.DataFrame(judged, columns=columns))
