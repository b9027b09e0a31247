"""The null distribution: labels permuted between groups.

For baselines and small models the whole pipeline runs again under each permutation (refitted). For
models too large for that, `fixed` permutes the labels that the held-out predictions are scored
against: quick, but blind to what the training makes of a label, so that it keeps the bias of pooled
scores out of the null (`epigpt.evaluation.metrics`), which pulls the score and not the null away
from a claim.

Groups are what is exchangeable. A group of one class swaps its label with other such groups, all
its samples together; a group that holds several classes (a donor before and after) permutes the
labels of its own samples. Folds are drawn anew for each permutation, because stratified folds are
part of the pipeline; once, however often they are drawn for the true labels, whose mean over draws
varies less, so that p is rather too large than too small.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from epigpt.evaluation.metrics import SMALLER_IS_BETTER, Floats, HeldOut, scores

NULL_COLUMNS = ["model", "permutation", "metric", "value"]
KIND_COLUMNS = [*NULL_COLUMNS, "kind"]
REFITTED, FIXED = "refitted", "fixed predictions"
TOLERANCE = 1e-9
ENOUGH = 5
# Labels in memory at once: permutations × rows.
_MOST_AT_ONCE = 2_000_000


def permuted(samples: pd.DataFrame, permutations: int, seed: int) -> Iterator[pd.DataFrame]:
    """Yield the samples with permuted labels, once per permutation.

    Parameters
    ----------
    samples
        Columns sample, group, label; one row per sample.
    permutations
        How many.
    seed
        Permutation number i depends on the seed, i and the names alone.

    Yields
    ------
    pandas.DataFrame
        `samples` sorted by sample, label permuted.
    """
    base = (
        samples[["sample", "group", "label"]].astype(str).sort_values("sample", ignore_index=True)
    )
    classes_of = base.groupby("group", sort=True)["label"].agg(
        lambda labels: tuple(sorted(set(labels)))
    )
    rows_of = base.groupby("group", sort=True).indices
    pure = [group for group, held in classes_of.items() if len(held) == 1]
    own = [classes_of[group][0] for group in pure]
    mixed = [group for group in rows_of if group not in set(pure)]
    for number in range(permutations):
        random = np.random.default_rng([seed, number])
        label = base["label"].to_numpy(dtype=object, copy=True)
        for group, drawn in zip(pure, random.permutation(own) if pure else (), strict=True):
            label[rows_of[group]] = drawn
        for group in mixed:
            label[rows_of[group]] = random.permutation(label[rows_of[group]])
        yield base.assign(label=label)


def fixed(models: Mapping[str, HeldOut], permutations: int, seed: int) -> pd.DataFrame:
    """Score predictions that stay as they are against permuted labels.

    Parameters
    ----------
    models
        On the same folds (`epigpt.evaluation.predictions.by_model`), so that all are scored against
        the same labels.

    Returns
    -------
    pandas.DataFrame
        `NULL_COLUMNS`, a row per model, permutation and metric.
    """
    if not models:
        return pd.DataFrame(columns=NULL_COLUMNS)
    truth = _permuted_truth(next(iter(models.values())), permutations, seed)
    size = max(1, _MOST_AT_ONCE // max(1, truth.shape[1]))
    tables = []
    for model, held in models.items():
        parts = [
            scores(held, held.unit_weights(), truth[start : start + size])
            for start in range(0, permutations, size)
        ]
        table = pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)
        table = table.rename_axis("permutation").reset_index()
        tables.append(
            table.melt("permutation", var_name="metric")
            .assign(model=model)
            # A permutation's metrics stand together.
            .sort_values("permutation", kind="stable")[NULL_COLUMNS]
        )
    return pd.concat(tables, ignore_index=True)


def _permuted_truth(held: HeldOut, permutations: int, seed: int) -> npt.NDArray[np.intp]:
    """Return the class of each row under each permutation, shape (permutations, rows)."""
    groups, classes = np.asarray(held.groups, dtype=object), np.asarray(held.classes, dtype=object)
    known = pd.DataFrame(
        {"sample": held.sample, "group": groups[held.group], "label": classes[held.truth]}
    ).drop_duplicates("sample")
    row_of = np.searchsorted(np.sort(known["sample"].to_numpy(dtype=str)), held.sample.astype(str))
    number_of = {name: number for number, name in enumerate(held.classes)}
    truth = np.empty((permutations, len(held.truth)), dtype=np.intp)
    for number, drawn in enumerate(permuted(known, permutations, seed)):
        truth[number] = np.array([number_of[name] for name in drawn["label"]])[row_of]
    return truth


def arrangements(held: HeldOut) -> float:
    """Count the distinguishable outcomes of `permuted`; relabelling the classes as a whole does not
    count, the AUC being the same."""
    per_group: dict[int, Counter[int]] = {}
    seen: dict[object, tuple[int, int]] = {}
    for sample, group, truth in zip(held.sample, held.group, held.truth, strict=True):
        seen[sample] = (int(group), int(truth))
    for group, truth in seen.values():
        per_group.setdefault(group, Counter())[truth] += 1
    pure = Counter(next(iter(counts)) for counts in per_group.values() if len(counts) == 1)
    mixed = [counts for counts in per_group.values() if len(counts) > 1]
    logs = _log_multinomial(pure) + sum(_log_multinomial(counts) for counts in mixed)
    # Classes of the same size in every part can trade names without changing the partition.
    profiles = Counter(
        (pure[k], tuple(sorted(counts[k] for counts in mixed))) for k in range(len(held.classes))
    )
    logs -= sum(math.lgamma(number + 1) for number in profiles.values())
    return math.exp(min(logs, 700.0))


def _log_multinomial(counts: Counter[int]) -> float:
    return math.lgamma(sum(counts.values()) + 1) - sum(
        math.lgamma(number + 1) for number in counts.values()
    )


def is_settled(estimate: float, permuted_values: Floats) -> bool:
    """Return whether more permutations cannot make p small, as many of these do as well (Besag &
    Clifford, Biometrika 1991; 78: 301, looked at once).

    With `ENOUGH` of the first 20, p would exceed 0.05 even if none of 79 more did as well.
    """
    return int((permuted_values >= estimate - TOLERANCE).sum()) >= ENOUGH


def smallest_p(held: HeldOut, permutations: int) -> float:
    """Return the smallest p that can come out: one over the distinguishable arrangements, or over
    the permutations plus one."""
    floor = 1.0 / max(1.0, arrangements(held))
    return max(floor, 1.0 / (permutations + 1)) if permutations else floor


def p_value(metric: str, estimate: float, permuted_values: Floats) -> float:
    """Return (b + 1) / (m + 1), b being the permutations that score at least as well (Phipson &
    Smyth 2010); NaN without permutations."""
    if not len(permuted_values) or math.isnan(estimate):
        return math.nan
    sign = -1.0 if metric in SMALLER_IS_BETTER else 1.0
    better = int((sign * permuted_values >= sign * estimate - TOLERANCE).sum())
    return (better + 1) / (len(permuted_values) + 1)
