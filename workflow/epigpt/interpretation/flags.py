"""What to beware of before a gene of the list becomes a story."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from epigpt.genes.handling import kinds
from epigpt.genes.positions import on_sex_chromosomes

LOW_STABILITY, SIGNIFICANT = 0.5, 0.05
SEX_CHROMOSOME, UNSTABLE, CHANCE = "sex_chromosome", "low_stability", "within_chance"


def flags(table: pd.DataFrame, organism: str) -> list[str]:
    """Return the flags of each gene, joined with `;`.

    `sex_chromosome`; `immediate_early`, `heat_shock`, `stress_hormone`: genes that handling and
    dissociation move; `low_stability`: among the first in less than half of the resamples;
    `within_chance`: p above 0.05.

    Parameters
    ----------
    table
        gene, symbol, p, stability, as `epigpt.interpretation.ranking.table` gives them.
    organism
        The species; of one that is not known, no gene is flagged by what it is.
    """
    genes, symbols = list(table["gene"].astype(str)), list(table["symbol"].astype(str))
    sex = on_sex_chromosomes(organism, genes, symbols)
    unstable = (table["stability"] < LOW_STABILITY).to_numpy()
    by_chance = (table["p"] > SIGNIFICANT).to_numpy()
    named = zip(sex, kinds(organism, symbols), unstable, by_chance, strict=True)
    return [_joined(*marks) for marks in named]


def _joined(sex: np.bool_, kind: str, unstable: np.bool_, by_chance: np.bool_) -> str:
    marks: Sequence[tuple[object, str]] = (
        (sex, SEX_CHROMOSOME),
        (kind, kind),
        (unstable, UNSTABLE),
        (by_chance, CHANCE),
    )
    return ";".join(name for present, name in marks if present)
