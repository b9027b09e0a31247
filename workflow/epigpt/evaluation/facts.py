"""From held-out predictions to the facts that the answer is decided from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from epigpt.evaluation import answer, confounding, foregone, intervals
from epigpt.evaluation.evidence import SIGNIFICANT, Facts, Locus, Score
from epigpt.evaluation.metrics import Floats, HeldOut, auc_alone, of_repeat, within_folds
from epigpt.evaluation.multiple_testing import holm
from epigpt.genes.positions import SEX_CHROMOSOMES
from epigpt.model_names import FINETUNED, NO_BLOCKS
from epigpt.samples.donors import suggested_group

# Of the resamples, this many for each draw of the folds alone, whose verdicts are only counted.
_RESAMPLES_ALONE = 500
# Samples of different folds are ranked together; where that changes the score by more, it is said.
_POOLING_GAP = 0.1


def rivals(models: Sequence[str]) -> list[str]:
    """List the models that GPT-2 is held against; its random and shuffled variants are controls of
    another kind."""
    return [name for name in models if not name.startswith(FINETUNED) or name == NO_BLOCKS]


def untested(
    classes: Sequence[str],
    reason: str,
    judged: pd.DataFrame,
    per_class: Mapping[str, int],
    donor_word: str = "donors",
) -> Facts:
    """Return the facts of a data set without folds."""
    return Facts(
        classes=tuple(classes),
        reason=reason,
        groups_per_class=per_class,
        donor_word=donor_word,
        **_told(judged),
    )


def collect(
    models: Mapping[str, HeldOut],
    metrics: pd.DataFrame,
    weights: Floats,
    null: pd.DataFrame,
    judged: pd.DataFrame,
    *,
    warnings: Sequence[str] = (),
    donor_word: str = "donors",
    place: Mapping[str, Any] | None = None,
) -> Facts:
    """Return the facts of a data set with folds.

    Parameters
    ----------
    models
        Held-out predictions, `finetuned` among them.
    metrics
        As `epigpt.evaluation.intervals.table` gives it; p and the 95 % intervals are taken from it.
    weights
        As `epigpt.evaluation.intervals.resampled_weights` gives them.
    null
        Scores under permuted labels, with the column kind.
    judged
        As `epigpt.evaluation.confounding.table` gives it.
    warnings
        What a reader must know in the first lines.
    donor_word
        As `donor_word` gives it.
    place
        Content of locus.json.
    """
    held = models[FINETUNED]
    own, others = _scores(models, weights, metrics)
    draws = np.unique(held.repeat)
    alone = Counter(
        _alone({name: of_repeat(one, repeat) for name, one in models.items()}, weights)
        for repeat in draws
    )
    permuted = null[null["model"] == FINETUNED]
    auc_floor, p_floor = foregone.reach(held)
    return Facts(
        classes=held.classes,
        groups_per_class=_groups_per_class(held),
        n_samples=len(set(held.sample)),
        n_groups=len(held.groups),
        gpt2=own,
        rivals=others,
        blocks=others.get(NO_BLOCKS),
        smallest_auc=auc_floor,
        smallest_p=p_floor,
        permutations=int(permuted["permutation"].nunique()),
        permuted=str(permuted["kind"].iloc[0]) if len(permuted) else "",
        repeats=len(draws),
        verdicts=dict(sorted(alone.items())) if len(alone) > 1 else {},
        warnings=(*warnings, *_pooling(models)),
        donor_word=donor_word,
        locus=_locus((place or {}).get("locus")),
        excluded_genes=int((place or {}).get("excluded") or 0),
        **_told(judged),
    )


def _locus(found: Mapping[str, Any] | None) -> Locus | None:
    if found is None:
        return None
    scored = found["scores"]
    return Locus(
        model=found["model"],
        place=f"chr{found['chromosome']}:{found['start']}-{found['end']}",
        symbols=tuple(found["symbols"]),
        deciding=found["deciding"],
        p=found["p"],
        on_sex_chromosome=found["chromosome"] in SEX_CHROMOSOMES,
        named=found["named"],
        left_out=found["left_out"],
        gpt2=scored.get("gpt2"),
        gpt2_without=scored.get("gpt2_without"),
        rival=scored.get("rival", ""),
        rival_before=scored.get("rival_before"),
        rival_without=scored.get("rival_without"),
    )


def merged_donors(samples: pd.DataFrame, folds: pd.DataFrame) -> str:
    """Warn where samples were tested as libraries of one donor that the sample sheet calls several;
    empty where none were."""
    tested = folds.drop_duplicates("sample").set_index("sample")["group"]
    known = samples.set_index("sample")["group"].reindex(tested.index)
    joined = tested[tested.isin(tested[tested != known])]
    if joined.empty:
        return ""
    return (
        f"{len(joined)} samples differ from each other by no more than sequencing does: they are"
        f" libraries of {joined.nunique()} donors, were grouped so, and never stand on both sides"
        " of a fold."
    )


def unnamed_donors(samples: pd.DataFrame) -> str:
    """Warn where every sample is its own group while a characteristic repeats and is named like a
    donor; empty where there is nothing to warn of."""
    if samples["group"].nunique() < len(samples):
        return ""
    described = samples.drop(columns=["sample", "label", "group", "title"], errors="ignore")
    found = suggested_group(described) if len(described.columns) else "sample"
    if found == "sample":
        return ""
    return (
        f"Every sample counts as a donor of its own, yet '{found}' repeats"
        f" ({samples[found].nunique()} values in {len(samples)} samples): if it names the donor,"
        f" samples of one donor stand in training and test, and every score is too good. Write"
        f" {found} into the column group."
    )


def _told(judged: pd.DataFrame) -> dict[str, Any]:
    return {
        "confounders": tuple(confounding.confounders(judged)),
        "accepted": tuple(confounding.accepted_names(judged)),
        "renamed": tuple(confounding.renamed(judged)),
    }


def _scores(
    models: Mapping[str, HeldOut], weights: Floats, metrics: pd.DataFrame | None = None
) -> tuple[Score, dict[str, Score]]:
    names = rivals(list(models))
    level = intervals.simultaneous_level(len(names))
    apart = intervals.differences(models, FINETUNED, names, weights).set_index("versus")
    auc = (
        {name: _auc(models[name], weights) for name in (FINETUNED, *names)}
        if metrics is None
        else _auc_of_table(metrics)
    )
    corrected = dict(zip(names, holm([auc[name].p for name in names]), strict=True))
    found = {}
    for name in names:
        held = models[name]
        drawn = auc_alone(held, weights)
        sure_low, _ = intervals.interval("auc", auc[name].estimate, drawn, held, level)
        found[name] = replace(
            auc[name],
            sure_low=sure_low,
            p=corrected[name],
            difference=float(apart.loc[name, "estimate"]),
            difference_low=float(apart.loc[name, "low"]),
            difference_high=float(apart.loc[name, "high"]),
        )
    return auc[FINETUNED], found


def _auc(held: HeldOut, weights: Floats) -> Score:
    estimate = float(auc_alone(held, held.unit_weights())[0])
    low, high = intervals.interval("auc", estimate, auc_alone(held, weights), held)
    return Score(estimate, low, high, sure_low=low)


def _auc_of_table(metrics: pd.DataFrame) -> dict[str, Score]:
    table = metrics[metrics["metric"] == "auc"]
    return {
        str(row.model): Score(
            float(row.estimate),
            float(row.low),
            float(row.high),
            sure_low=float(row.low),
            p=_deciding_p(float(row.p), float(row.p_floor)),
        )
        for row in table.itertuples()
    }


def _deciding_p(p: float, floor: float) -> float | None:
    """Return a p that can decide: none where no permutation did as well and there were too few of
    them for a small one."""
    undecided = floor > SIGNIFICANT and p <= floor + 1e-9
    return None if np.isnan(p) or undecided else p


def _alone(models: Mapping[str, HeldOut], weights: Floats) -> str:
    """Return the verdict that one draw of the folds would give alone, without permutations and
    confounders."""
    own, others = _scores(models, weights[:_RESAMPLES_ALONE])
    held = models[FINETUNED]
    facts = Facts(classes=held.classes, gpt2=own, rivals=others)
    return answer.decide(facts).verdict


def _groups_per_class(held: HeldOut) -> dict[str, int]:
    pairs = {(int(group), int(truth)) for group, truth in zip(held.group, held.truth, strict=True)}
    counted = Counter(truth for _, truth in pairs)
    return {name: counted[number] for number, name in enumerate(held.classes)}


def _pooling(models: Mapping[str, HeldOut]) -> list[str]:
    held = models[FINETUNED]
    inside = within_folds(held)
    pooled = float(auc_alone(held, held.unit_weights())[0])
    if np.isnan(inside) or abs(inside - pooled) <= _POOLING_GAP:
        return []
    return [
        f"GPT-2's AUC is {pooled:.2f} over all samples of a draw ranked together and {inside:.2f}"
        " where samples of the same fold are ranked only: the level of its probabilities differs"
        " between folds."
    ]
