"""One verdict per data set, by fixed rules, applied in this order:

1. not_assessable: a class has fewer than three groups (the folds say so).
2. confounded: another characteristic determines the label (see `confounders`).
3. no_evidence: the lower end of GPT-2's AUC interval does not exceed 0.5.
4. no_better_than_baseline: the best baseline's AUC is higher, or equal.
5. works: everything else.
"""

from typing import Any

import pandas as pd


def confounders(samples: pd.DataFrame, ignored: list[str]) -> list[str]:
    """List the characteristics that determine the label.

    A characteristic counts if each of its values occurs in one class only, and if at least one of its values covers several groups:
    a characteristic that is unique to each group always determines the label and says nothing; neither does a constant one.

    Parameters
    ----------
    samples
        Columns sample, label, group, then the characteristics (text).
    ignored
        Characteristics that were accepted by the user.
    """
    found = []
    label_column = samples["label"].astype(str)
    for name in samples.columns.drop(["sample", "label", "group"]):
        values = samples[name].astype(str)
        if name in ignored or values.nunique() < 2 or (values == "").any() or _is_label(values, label_column):
            continue
        classes = label_column.groupby(values).nunique()
        groups = samples["group"].groupby(values).nunique()
        if classes.max() == 1 and groups.max() > 1:
            found.append(str(name))
    return found


def _is_label(values: pd.Series, labels: pd.Series) -> bool:
    """Tell the characteristic that the label was read from: the same text, or one side of it joined by `|` or named 'not …'."""
    return all(
        value == label or value in label.split("|") or label.startswith("not ") for value, label in zip(values, labels, strict=True)
    )


def decide(
    metrics: pd.DataFrame, folds: dict[str, Any], samples: pd.DataFrame, ignored: list[str], paired: dict[str, float] | None, asked: str
) -> dict[str, Any]:
    """Apply the rules.

    Parameters
    ----------
    metrics
        As `epigpt.evaluation.metrics.table` gives it; empty where not assessable.
    folds
        Summary of the folds: assessable, reason.
    samples, ignored
        For `confounders`.
    paired
        Difference in AUC between GPT-2 and the best baseline.
    asked
        The comparison in words.

    Returns
    -------
    dict
        verdict, reason, sentence (the report's first), and the figures behind them.
    """
    if not folds["assessable"]:
        sentence = f"Asked to tell {asked}, no classifier was tested: {folds['reason']}."
        return {"verdict": "not_assessable", "reason": folds["reason"], "sentence": sentence}
    auc = metrics[metrics["metric"] == "auc"].set_index("model")
    gpt, logistic = auc.loc["finetuned"], auc.loc["logistic_l2"]
    rivals = auc.drop("finetuned")["estimate"]
    best = str(rivals.idxmax())
    relation = "beat" if gpt["estimate"] > logistic["estimate"] else "equalled" if gpt["estimate"] == logistic["estimate"] else "did not beat"
    sentence = (
        f"Asked to tell {asked} in donors it had not seen, GPT-2 {relation} logistic regression: AUC {gpt['estimate']:.2f} "
        f"({gpt['low']:.2f} to {gpt['high']:.2f}) against {logistic['estimate']:.2f} ({logistic['low']:.2f} to {logistic['high']:.2f})."
    )
    figures = {
        "auc": {str(model): {key: float(row[key]) for key in ("estimate", "low", "high")} for model, row in auc.iterrows()},
        "best_baseline": best,
        "difference_to_best_baseline": paired,
        "confounders": confounders(samples, ignored),
        "ignored_confounders": ignored,
    }
    if figures["confounders"]:
        verdict, reason = "confounded", f"the label follows from {', '.join(figures['confounders'])}: no score can tell the two apart"
    elif not gpt["low"] > 0.5:
        verdict, reason = "no_evidence", "the interval of GPT-2's AUC includes 0.5, which is chance"
    elif rivals[best] >= gpt["estimate"]:
        verdict, reason = "no_better_than_baseline", f"{best} reaches an AUC of {rivals[best]:.2f}, GPT-2 {gpt['estimate']:.2f}"
    else:
        verdict, reason = "works", f"GPT-2's AUC is above chance and above that of the best baseline ({best}, {rivals[best]:.2f})"
    return {"verdict": verdict, "reason": reason, "sentence": sentence, **figures}
