"""The excitation/inhibition score of each sample."""

import pandas as pd

from epigpt.genes.markers import EXCITATORY, INHIBITORY
from epigpt.interpretation.donor_statistics import detected, z_scores

BALANCE = ["sample", "group", "label", "score", "excitatory", "inhibitory", "missing"]


def score(expression: pd.DataFrame, samples: pd.DataFrame) -> pd.DataFrame:
    """Return mean z of the excitatory genes minus mean z of the inhibitory ones (z over the samples
    of the data set).

    Parameters
    ----------
    expression
        Samples × human symbols, as `epigpt.interpretation.donor_statistics.pooled` gives it:
        co-orthologs are summed.
    samples
        Index: samples; columns group and label.

    Returns
    -------
    pandas.DataFrame
        `BALANCE`, sorted by sample; score is empty where one of the two sides has no expressed
        gene. excitatory and inhibitory list the human symbols that entered, missing those that
        could not.
    """
    expressed = set(detected(expression, samples)) if len(expression.columns) else set()
    z = z_scores(expression[[name for name in expression.columns if name in expressed]])
    sides = {
        "excitatory": [name for name in EXCITATORY if name in z],
        "inhibitory": [name for name in INHIBITORY if name in z],
    }
    missing = [name for name in (*EXCITATORY, *INHIBITORY) if name not in z]
    value = z[sides["excitatory"]].mean(axis=1) - z[sides["inhibitory"]].mean(axis=1)
    known = samples.reindex(expression.index)
    table = pd.DataFrame(
        {
            "sample": expression.index,
            "group": known["group"].to_numpy(),
            "label": known["label"].to_numpy(),
        }
    )
    table["score"] = value.reindex(expression.index).to_numpy()
    return table.assign(
        missing=" ".join(missing), **{side: " ".join(names) for side, names in sides.items()}
    )[BALANCE]
