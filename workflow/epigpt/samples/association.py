"""The label against every other characteristic: cross counts, and from which of them the label
follows."""

import numpy as np
import pandas as pd

COLUMNS = ("characteristic", "value", "samples", "groups", "counts", "label_follows", "cramers_v")
_RESERVED = ("sample", "label", "group", "title")


def table(samples: pd.DataFrame) -> pd.DataFrame:
    """Count the classes within every value of every other characteristic.

    Parameters
    ----------
    samples
        Columns sample, label, group, then the characteristics, as text; an empty text counts as a
        value of its own.

    Returns
    -------
    pandas.DataFrame
        One row per characteristic and value, by Cramér's V downwards: number of samples and groups,
        counts ("KO 3, WT 0"), whether the label follows from the characteristic (each of its values
        occurs in one class only), and Cramér's V over samples. Left out are constants,
        characteristics whose every value belongs to one group or that have more values than half
        the groups (a name, an id, a weight), and those that are the label itself.
    """
    label = samples["label"].astype(str)
    group = samples["group"].astype(str)
    classes = sorted(set(label))
    rows = []
    for name in samples.columns:
        values = samples[name].fillna("").astype(str)
        if name in _RESERVED or not 2 <= values.nunique() <= max(2, group.nunique() / 2):
            continue
        if group.groupby(values).nunique().max() == 1 or _same_split(values, label):
            continue
        counts = pd.crosstab(values, label)
        follows = bool(((counts > 0).sum(axis=1) == 1).all())
        association = cramers_v(values, label)
        for value in sorted(counts.index):
            each = ", ".join(f"{known} {counts.loc[value, known]}" for known in classes)
            rows.append(
                (
                    str(name),
                    value,
                    int(counts.loc[value].sum()),
                    int(group[values == value].nunique()),
                    each,
                    follows,
                    association,
                )
            )
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found.sort_values(
        ["cramers_v", "characteristic", "value"], ascending=[False, True, True], kind="stable"
    ).reset_index(drop=True)


def _same_split(values: pd.Series, label: pd.Series) -> bool:
    pairs = pd.DataFrame({"value": values, "label": label}).drop_duplicates()
    return (
        (pairs["value"] == pairs["label"]).all()
        if pairs["value"].is_unique and pairs["label"].is_unique
        else False
    )


def cramers_v(one: pd.Series, other: pd.Series) -> float:
    """Return Cramér's V of two characteristics: the square root of chi-squared over n (min(rows,
    columns) - 1) of their cross counts.

    1 for a complete association, 0 where one of them is constant. H. Cramér, Mathematical Methods
    of Statistics, 1946, chapter 21.
    """
    seen = pd.crosstab(one, other).to_numpy(dtype=float)
    smaller = min(seen.shape) - 1
    if smaller < 1:
        return 0.0
    total = seen.sum()
    expected = np.outer(seen.sum(axis=1), seen.sum(axis=0)) / total
    return float(np.sqrt(((seen - expected) ** 2 / expected).sum() / total / smaller))
