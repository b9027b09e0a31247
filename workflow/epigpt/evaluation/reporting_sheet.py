"""The machine-checkable items of REFORMS (Kapoor et al., Science Advances 2024; 10: eadk3452) and
TRIPOD+AI (Collins et al., BMJ 2024; 385: e078378), answered from a data set's result files.

No answer is fixed: each is counted, compared or read here, and says where; what files cannot show
is said to be so.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from epigpt.evaluation import reporting_leakage
from epigpt.evaluation.reporting_evidence import Results, Row
from epigpt.model_names import FINETUNED, MAJORITY

COLUMNS = ["item", "answer", "evidence"]


def sheet(results: Results) -> pd.DataFrame:
    """Return reporting.tsv: `COLUMNS`, a row per item, in the order of REFORMS' modules."""
    rows = [
        *_data(results),
        *_reproducibility(results),
        *reporting_leakage.rows(results),
        *_modelling(results),
        *_uncertainty(results),
        *_limits(results),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _data(results: Results) -> list[Row]:
    verdict, reading = results.verdict, results.reading
    series = reading.get("series") or {}
    label, group = (reading.get(name) or {} for name in ("label", "group"))
    left = [str(one.get("reason")) for one in reading.get("left_out") or []]
    values = reading.get("values") or {}
    dropped = _dropped(results.quality)
    sizes = verdict.get("groups_per_class") or {}
    source = ", ".join(filter(None, [results.source, str(series.get("title") or "")]))
    if reading.get("simulated"):
        source += " (simulated: no animal, no sequencing)"
    return [
        ("question", str(verdict.get("question")), "verdict.json: question"),
        (
            "data source",
            source,
            f"geo/manifest.tsv: {len(results.manifest)} files, SHA-256 of each",
        ),
        (
            "population",
            f"{reading.get('organism')}, {reading.get('assay')}, {len(results.samples)} samples",
            "reading.json; samples.tsv",
        ),
        (
            "outcome",
            _counts(sizes, str(verdict.get("unit") or "donors")) or "no classes",
            f"label {label.get('column')!r}: {label.get('rule')}",
        ),
        (
            "unit of inference",
            str(verdict.get("unit") or "donors"),
            f"group {group.get('column')!r}: {group.get('rule')}",
        ),
        (
            "samples left out",
            str(len(left) + len(dropped)),
            "; ".join(sorted({*left, *dropped})) or "reading.json and quality.tsv: none",
        ),
        (
            "kind of values",
            str(values.get("type") or "unknown").replace("_", " "),
            str(values.get("evidence") or "reading.json: values"),
        ),
    ]


def _reproducibility(results: Results) -> list[Row]:
    software = results.provenance.get("epigpt") or {}
    version = " ".join(filter(None, [str(software.get("version")), str(software.get("git") or "")]))
    public = results.source.upper().startswith("GSE") and not results.reading.get("simulated")
    return [
        (
            "code availability",
            f"EpiGPT {version}",
            # Not their number: it depends on which jobs ran in one process.
            "provenance.json: versions of the packages as the jobs saw them",
        ),
        (
            "data availability",
            f"public: GEO {results.source}" if public else "not known to be public",
            f"row of the data set table: source {results.source}",
        ),
        (
            "random seed",
            str(results.provenance.get("seed")),
            f"provenance.json; folds.tsv has SHA-256 {results.folds_summary.get('checksum')}",
        ),
    ]


def _modelling(results: Results) -> list[Row]:
    metrics = results.metrics
    models = sorted(set(metrics["model"]) - {FINETUNED, MAJORITY})
    settings = results.provenance.get("settings") or {}
    return [
        (
            "model",
            f"GPT-2, preset {settings.get('model')}, weights {settings.get('weights')}"
            if len(metrics)
            else "none was tested",
            "provenance.json: settings",
        ),
        (
            "baselines",
            ", ".join(models) or "none",
            f"metrics.tsv: {len(models)} models on the same folds",
        ),
        (
            "threshold",
            _threshold(results.predictions),
            "predictions.tsv: threshold, the same for every model",
        ),
    ]


def _threshold(predictions: pd.DataFrame) -> str:
    values = predictions["threshold"].dropna().unique() if len(predictions) else []
    if not len(predictions):
        return "no model was tested"
    return ", ".join(f"{value:g}" for value in sorted(values)) or "the most probable class"


def _uncertainty(results: Results) -> list[Row]:
    verdict = results.verdict
    auc, brier = _metric(results.metrics, "auc"), _metric(results.metrics, "brier")
    permuted = verdict.get("permutations") or {}
    single = verdict.get("verdicts_of_single_repeats") or {}
    smallest = verdict.get("smallest_auc_that_could_be_shown")
    least = verdict.get("smallest_p")
    return [
        ("discrimination", _interval("AUC", auc), "metrics.tsv: finetuned, auc"),
        ("calibration", _interval("Brier score", brier), "metrics.tsv: brier; calibration.tsv"),
        (
            "uncertainty",
            f"95 % intervals, {verdict.get('unit')} as units" if auc else "none",
            (
                f"verdict.json: p {verdict['p']:.3g}, {permuted['number']} permutations"
                f" ({permuted.get('kind')})"
                if verdict.get("p") is not None and permuted.get("number")
                else "verdict.json: no permutations, so no p"
            ),
        ),
        (
            "sample size and power",
            _counts(verdict.get("groups_per_class") or {}, "in all")
            + (f"; an AUC of {smallest:.2f} or more could be shown" if smallest and auc else ""),
            "verdict.json: " + ("no p" if least is None else f"smallest possible p {least:.3g}"),
        ),
        (
            "stability over draws of the folds",
            ", ".join(f"{name} {number}" for name, number in single.items())
            or (f"one verdict in {verdict.get('repeats')} draws" if auc else "no model was tested"),
            "verdict.json: verdicts_of_single_repeats",
        ),
    ]


def _limits(results: Results) -> list[Row]:
    weights = (results.provenance.get("settings") or {}).get("weights")
    unseen = ["whether labels and donors of the record are right", "blinding and randomisation"]
    unseen += ["whether other series share animals with this one"]
    if weights not in (None, "none", "auto"):
        unseen.append(f"what the weights {weights} were pretrained on")
    return [
        (
            "external validation",
            "asked for: transfer.tsv" if results.transferred else "none: one series",
            "key transfer",
        ),
        ("conclusion", str(verdict_of(results)), "verdict.json: sentence"),
        ("not checked", "; ".join(unseen), "result files cannot show it"),
    ]


def verdict_of(results: Results) -> str:
    """Return the answer in a line."""
    return str(results.verdict.get("short") or results.verdict.get("verdict") or "")


def _dropped(quality: pd.DataFrame) -> list[str]:
    if "kept" not in quality or "reason" not in quality:
        return []
    gone = quality[quality["kept"].astype(str).str.lower() == "false"]
    return [str(reason) for reason in gone["reason"]]


def _metric(metrics: pd.DataFrame, name: str) -> tuple[float, float, float] | None:
    rows = metrics[(metrics["model"] == FINETUNED) & (metrics["metric"] == name)]
    if rows.empty or rows[["estimate"]].isna().to_numpy().any():
        return None
    low, high = (float(rows.iloc[0][edge]) for edge in ("low", "high"))
    return float(rows.iloc[0]["estimate"]), low, high


def _interval(name: str, found: tuple[float, float, float] | None) -> str:
    if found is None:
        return "no model was tested"
    return f"{name} {found[0]:.2f} [{found[1]:.2f}, {found[2]:.2f}]"


def _counts(sizes: Mapping[str, Any], unit: str) -> str:
    listed = ", ".join(f"{number} {name}" for name, number in sizes.items())
    return f"{listed} ({unit})" if listed else ""
