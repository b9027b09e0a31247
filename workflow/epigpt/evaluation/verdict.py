"""One verdict per data set, by fixed rules, applied in this order:

1. not_assessable: the folds say so (a class has fewer than three groups).
2. confounded: the label follows from another characteristic that was not accepted (see
`confounding`). 3. no_evidence: GPT-2 is not shown to do better than chance. Evidence takes all of:
the lower limit of its AUC above 0.5; p at most 0.05
   where labels were permuted; and groups enough that p could be that small at all.
4. no_better_than_baseline: the best baseline, or GPT-2's own model without transformer blocks, has
at least GPT-2's AUC. Where both are
   perfect (an AUC of at least 0.995), there is nothing left to do better, and it does not apply.
5. works: everything else.

The AUCs compared under 4 are point estimates, the best baseline being the best on the same held-out
samples, which favours the baseline; the interval of the difference is printed beside them.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from epigpt import model_names
from epigpt.evaluation.confounding import confounders

VERDICTS = ("works", "no_better_than_baseline", "no_evidence", "confounded", "not_assessable")
CHANCE, SIGNIFICANT, PERFECT = 0.5, 0.05, 0.995
GPT2, LOGISTIC = model_names.FINETUNED, model_names.REFERENCE
OWN_RIVALS = (model_names.NO_BLOCKS,)
_TIE = 1e-9


def asked(classes: Sequence[str]) -> str:
    """Say which classes are to be told apart, the class of interest first."""
    if len(classes) == 2:
        return f"'{classes[1]}' from '{classes[0]}'"
    named = [f"'{name}'" for name in classes]
    return f"{', '.join(named[:-1])} and {named[-1]} apart" if len(named) > 1 else " ".join(named)


def baselines(models: Sequence[str]) -> list[str]:
    """List the models that GPT-2 must do better than; its random, shuffled and frozen variants are
    controls of another kind."""
    return [model for model in models if not model.startswith("finetuned") or model in OWN_RIVALS]


def not_assessable(reason: str, classes: Sequence[str], judged: pd.DataFrame) -> dict[str, Any]:
    """Give the verdict of a data set without folds."""
    told = reason.strip().rstrip(".")
    sentence = (
        f"Asked to tell {asked(classes)}, neither GPT-2 nor logistic regression was tested: {told}."
    )
    return {
        "verdict": "not_assessable",
        "reason": told,
        "sentence": sentence,
        **_confounding(judged),
    }


def decide(
    metrics: pd.DataFrame, differences: pd.DataFrame, judged: pd.DataFrame, classes: Sequence[str]
) -> dict[str, Any]:
    """Apply the rules to a data set with folds.

    Parameters
    ----------
    metrics
        As `epigpt.evaluation.intervals.table` gives it, `finetuned` and `logistic_l2` among the
        models.
    differences
        As `epigpt.evaluation.intervals.differences` gives it, of `finetuned` against each of
        `baselines`.
    judged
        As `epigpt.evaluation.confounding.table` gives it.
    classes
        In their order.

    Returns
    -------
    dict
        verdict, reason, sentence (the report's first) and the figures behind them.
    """
    auc = metrics[metrics["metric"] == "auc"].set_index("model")
    gpt2 = auc.loc[GPT2]
    rivals = auc.loc[baselines([str(model) for model in auc.index]), "estimate"]
    best = str(rivals.index[rivals.to_numpy().argmax()])
    follows = confounders(judged)
    doubt = _doubt(gpt2)
    if follows:
        verdict = "confounded"
        reason = (
            f"the label follows from {', '.join(follows)}, so no score can say which of the two was"
            " learned"
        )
    elif doubt:
        verdict, reason = "no_evidence", doubt
    elif rivals[best] >= gpt2["estimate"] - _TIE and min(rivals[best], gpt2["estimate"]) < PERFECT:
        verdict = "no_better_than_baseline"
        reason = (
            f"{_phrase(best)} reaches an AUC of {rivals[best]:.3f}, GPT-2 {gpt2['estimate']:.3f}"
        )
    else:
        # Beyond `PERFECT` the rules see no difference, so the sentence must not either.
        than = "as good as perfect, as is that of" if rivals[best] >= PERFECT else "above that of"
        verdict = "works"
        reason = (
            f"GPT-2's AUC of {gpt2['estimate']:.3f} is above chance and {than}"
            f" {_phrase(best)} ({rivals[best]:.3f})"
        )
    apart = differences.set_index("versus")
    return {
        "verdict": verdict,
        "reason": reason,
        "sentence": _sentence(auc, apart, classes),
        "auc": {
            str(model): {key: float(row[key]) for key in ("estimate", "low", "high")}
            for model, row in auc.iterrows()
        },
        "p": None if pd.isna(gpt2["p"]) else float(gpt2["p"]),
        "p_floor": float(gpt2["p_floor"]),
        "best_baseline": best,
        "difference_to_best_baseline": {
            key: float(apart.loc[best, key]) for key in ("estimate", "low", "high", "share_above")
        },
        **_confounding(judged),
    }


def _doubt(gpt2: pd.Series) -> str:
    """Say why the AUC is no evidence; empty where it is."""
    if not gpt2["low"] > CHANCE:
        return (
            f"the interval of GPT-2's AUC ({gpt2['low']:.2f} to {gpt2['high']:.2f}) includes 0.5,"
            " which is chance"
        )
    if gpt2["p_floor"] > SIGNIFICANT + _TIE:
        return f"with {int(gpt2['n_groups'])} groups p cannot be smaller than {gpt2['p_floor']:.2g}"
    if gpt2["p"] > SIGNIFICANT + _TIE:
        return f"permuted labels do as well (p {gpt2['p']:.2g})"
    return ""


def _sentence(auc: pd.DataFrame, apart: pd.DataFrame, classes: Sequence[str]) -> str:
    gpt2, logistic = auc.loc[GPT2], auc.loc[LOGISTIC]
    difference = apart.loc[LOGISTIC, "estimate"]
    # What a reader sees as the same figure twice is no victory.
    same = f"{gpt2['estimate']:.2f}" == f"{logistic['estimate']:.2f}"
    relation = "equalled" if same else "beat" if difference > 0 else "did not beat"
    held = "samples" if gpt2["n_samples"] == gpt2["n_groups"] else "groups"
    kind = "AUC" if len(classes) == 2 else "mean AUC of one class against the rest"
    own, other = (
        f"{row['estimate']:.2f} (95 % interval {row['low']:.2f} to {row['high']:.2f})"
        for row in (gpt2, logistic)
    )
    return (
        f"Asked to tell {asked(classes)} in {held} that it had not seen ({int(gpt2['n_samples'])}"
        f" samples of {int(gpt2['n_groups'])} groups), GPT-2 {relation} logistic regression: {kind}"
        f" {own} against {other}."
    )


def _confounding(judged: pd.DataFrame) -> dict[str, Any]:
    accepted = judged.loc[
        (judged["kind"] == "label follows") & judged["accepted"].astype(bool), "characteristic"
    ]
    return {"confounders": confounders(judged), "ignored_confounders": accepted.tolist()}


def _phrase(model: str) -> str:
    return model_names.MODELS[model].phrase if model in model_names.MODELS else model
