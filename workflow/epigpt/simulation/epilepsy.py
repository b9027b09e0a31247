"""The epilepsy family: marker sets of epilepsy with the directions of the literature, among named
mouse genes."""

import numpy as np
import pandas as pd

from epigpt.errors import InputError
from epigpt.genes.annotation import RESOURCES
from epigpt.genes.markers import SETS, marker_sets
from epigpt.simulation.design import Design

# Sex-linked genes and how they differ between male and female, log2.
SEX_EFFECTS = {"Xist": -8.0, "Ddx3y": 7.0, "Eif2s3y": 7.0, "Kdm5d": 6.0, "Uty": 6.0}
# Where the literature says only "changed", or nothing for a member of a set that falls as a whole:
# the direction that is planted.
PLANTED = {
    "SST": "down",
    "PVALB": "down",
    "CALB1": "down",
    "LHX6": "down",
    "RELN": "down",
    "VIP": "down",
}


_MARKERS = frozenset(marker_sets("mouse")["symbol"])


def gene_names(number: int) -> list[str]:
    """Return the genes of a series of `number` genes, sorted: markers, mitochondrial and sex-linked
    genes, then others evenly by name."""
    listed = [
        line
        for line in (RESOURCES / "mouse_genes.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    always = [
        gene for gene in listed if gene in _MARKERS or gene in SEX_EFFECTS or gene.startswith("mt-")
    ]
    others = [gene for gene in listed if gene not in set(always)]
    if not len(always) <= number <= len(listed):
        raise InputError(
            f"{number} genes",
            "the number of genes to simulate",
            "the list of mouse genes has another size",
            f"choose a number from {len(always)} to {len(listed)}",
        )
    chosen = np.linspace(0, len(others) - 1, number - len(always)).round().astype(int)
    return sorted([*always, *(others[position] for position in chosen)])


def planted_directions(sets: tuple[str, ...] | None = None) -> dict[str, str]:
    """Return the direction that is planted for each mouse marker gene: up or down, from the first
    of its sets that has one."""
    table = marker_sets("mouse")
    table = table[table["set"].isin(SETS if sets is None else sets)]
    directions: dict[str, str] = {}
    for human, mouse, expected in zip(
        table["human_symbol"], table["symbol"], table["expected"], strict=True
    ):
        direction = PLANTED.get(human, expected)
        if direction in ("up", "down"):
            directions.setdefault(mouse, direction)
    return directions


def planted_truth(
    design: Design, abundance_stream: np.random.Generator, effect_stream: np.random.Generator
) -> pd.DataFrame:
    """Draw the genes with their sets, planted changes, abundances and dispersions."""
    names = gene_names(design.genes)
    directions = planted_directions(design.sets)
    marked = np.array([name in _MARKERS or name in SEX_EFFECTS for name in names])
    # Brain markers are expressed well; of the other genes a part is nearly silent, as in a real
    # table.
    level = np.where(
        marked,
        abundance_stream.normal(5.2, 0.7, len(names)),
        abundance_stream.normal(4.2, 1.9, len(names)),
    )
    abundance, dispersion = expressed(design, level, abundance_stream)
    change = np.zeros(len(names))
    strength = effect_stream.uniform(0.7, 1.5, len(names))
    for position, name in enumerate(names):
        change[position] = {"up": strength[position], "down": -strength[position]}.get(
            directions.get(name, ""), 0.0
        )
    free = [
        position
        for position, name in enumerate(names)
        if name not in _MARKERS and name not in SEX_EFFECTS and not name.startswith("mt-")
    ]
    others = effect_stream.permutation(free)[: design.others]
    change[others] = strength[others] * np.where(np.arange(len(others)) % 2, 0.7, -0.7)
    table = marker_sets("mouse").groupby("symbol", sort=False)["set"].agg(";".join)
    return pd.DataFrame(
        {
            "gene": names,
            "sets": [table.get(name, "") for name in names],
            "log2_fold_change": change * design.effect,
            "sex_effect": [SEX_EFFECTS.get(name, 0.0) for name in names],
            "abundance": abundance,
            "dispersion": dispersion,
        }
    )


def expressed(
    design: Design, level: np.ndarray, stream: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return each gene's share of the counts, from the natural log of its level, and draw its
    dispersion around the trend."""
    abundance = np.exp(level) / np.exp(level).sum()
    dispersion = (design.dispersion + 3.0 / (abundance * design.depth)) * np.exp(
        stream.normal(0.0, 0.3, len(level))
    )
    return abundance, dispersion
