"""What each family plants: shifts of genes in samples, and the truth about them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from epigpt.errors import InputError
from epigpt.genes.positions import positions
from epigpt.simulation.design import CASE, Design
from epigpt.simulation.epilepsy import SEX_EFFECTS, expressed

_SPARSE_GENES = 12
_PAIRS = 10
_PROGRAMME_GENES = 60
_FEW_GENES = 40
_NUISANCE_GENES = 1000
_FEWEST_COUNTS = 50
# The family `shared`: which genes move together is the same in every series, whatever its seed.
_STRUCTURE = 20_001
_SHARED_PROGRAMMES = 24
_SHARED_GENES = 60


@dataclass(frozen=True)
class Planted:
    """What a family puts on top of the common model.

    Attributes
    ----------
    shift
        log2, shape (genes, samples).
    log2_fold_change
        Mean difference between the conditions by gene, before noise, shape (genes,).
    role
        Of each gene: planted, pair 1 …, programme 1, programme 2, nuisance (no part of the
        question), or ''.
    """

    shift: np.ndarray
    log2_fold_change: np.ndarray
    role: np.ndarray


@dataclass(frozen=True)
class _Scene:
    """What planters work with: `pool` holds the genes that may change, in random order, `case` is 1
    for epileptic samples, `severity` how far each is affected."""

    design: Design
    pool: np.ndarray
    case: np.ndarray
    severity: np.ndarray
    abundance: np.ndarray
    samples: pd.DataFrame
    random: np.random.Generator

    def nothing(self) -> Planted:
        genes = len(self.abundance)
        role = np.full(genes, "", dtype=object)
        return Planted(np.zeros((genes, len(self.case))), np.zeros(genes), role)

    def changed(self, number: int, change: np.ndarray) -> Planted:
        """Change the first genes of the pool in epileptic samples."""
        planted, genes = self.nothing(), self.pool[:number]
        planted.log2_fold_change[genes] = self.design.effect * change
        planted.role[genes] = "planted"
        affected = self.case * self.severity
        return replace(planted, shift=np.outer(planted.log2_fold_change, affected))

    def up_and_down(self, number: int, low: float, high: float) -> Planted:
        """Change as many genes, half of them upwards."""
        size = self.random.uniform(low, high, number)
        return self.changed(number, size * np.where(np.arange(number) % 2, 1.0, -1.0))


def gene_names(number: int) -> list[str]:
    """Return the genes of a family's series, sorted: sex-linked mouse genes, then others evenly by
    name.

    Raises
    ------
    InputError
        When there are not that many.
    """
    symbols = positions("mouse")["symbol"]
    # Names without a meaning (Gm1234, 1700001C02Rik) make tables hard to read.
    named = sorted({name for name in symbols if name[:1].isalpha() and not _unnamed(name)})
    others = [name for name in named if name not in SEX_EFFECTS]
    fewest = len(SEX_EFFECTS) + 2 * _PROGRAMME_GENES
    most = len(others) + len(SEX_EFFECTS)
    if not fewest <= number <= most:
        raise InputError(
            f"{number} genes",
            "the number of genes to simulate",
            "the list of mouse genes has another size",
            f"choose a number from {fewest} to {most}",
        )
    chosen = np.linspace(0, len(others) - 1, number - len(SEX_EFFECTS)).round().astype(int)
    return sorted([*SEX_EFFECTS, *(others[position] for position in chosen)])


def _unnamed(name: str) -> bool:
    return (name.startswith("Gm") and name[2:].isdigit()) or name.endswith("Rik")


def severity(design: Design, stream: np.random.Generator, samples: int) -> np.ndarray:
    """Draw how far each sample would be affected, mean 1, shape (samples,)."""
    if not design.severity:
        return np.ones(samples)
    return stream.gamma(1 / design.severity**2, design.severity**2, samples)


def plant(
    design: Design,
    samples: pd.DataFrame,
    abundance_stream: np.random.Generator,
    effect_stream: np.random.Generator,
) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw the genes, and plant in the samples what the family of a design says.

    Parameters
    ----------
    samples
        condition and litter of each sample.

    Returns
    -------
    truth
        gene, role, log2_fold_change, sex_effect, abundance, dispersion.
    shift
        log2, shape (genes, samples).
    """
    names = gene_names(design.genes)
    abundance, dispersion = expressed(
        design, abundance_stream.normal(4.2, 1.9, len(names)), abundance_stream
    )
    # A change of a gene that is hardly counted is a question that nobody could answer.
    counted = (abundance * design.depth >= _FEWEST_COUNTS) & ~np.isin(names, list(SEX_EFFECTS))
    case = (samples["condition"] == CASE).to_numpy(dtype=float)
    pool = effect_stream.permutation(np.flatnonzero(counted))
    affected = severity(design, effect_stream, len(case))
    scene = _Scene(design, pool, case, affected, abundance, samples, effect_stream)
    planted = _PLANTERS[design.family](scene)
    truth = pd.DataFrame(
        {
            "gene": names,
            "role": planted.role,
            "log2_fold_change": planted.log2_fold_change,
            "sex_effect": [SEX_EFFECTS.get(name, 0.0) for name in names],
            "abundance": abundance,
            "dispersion": dispersion,
        }
    )
    return truth, planted.shift


def _dense(scene: _Scene) -> Planted:
    number = min(len(scene.abundance) // 5, len(scene.pool))
    return scene.changed(number, scene.random.normal(0.0, 0.18, number))


def _pairs(scene: _Scene) -> Planted:
    """Two genes of a pair rise and fall together from sample to sample, by far more than the
    conditions move them apart. Partners are of like abundance, so that their order can turn."""
    planted, random = scene.nothing(), scene.random
    level = np.log2(scene.abundance)
    chosen = scene.pool[: 2 * _PAIRS]
    partners = chosen[np.argsort(level[chosen])].reshape(_PAIRS, 2)
    for number, pair in enumerate(partners):
        common = random.normal(0.0, 2.0, len(scene.case))
        apart = 0.8 * scene.design.effect * random.permutation([1.0, -1.0])
        for gene, change in zip(pair, apart, strict=True):
            moved = change * (scene.case * scene.severity - 0.5)
            planted.shift[gene] = level[pair].mean() - level[gene] + common + moved
            planted.log2_fold_change[gene] = change
            planted.role[gene] = f"pair {number + 1}"
    return planted


def _interaction(scene: _Scene) -> Planted:
    """Each litter has either state of two programmes; it is epileptic where just one is on."""
    planted, random = scene.nothing(), scene.random
    litters = scene.samples.drop_duplicates("litter").set_index("litter")["condition"]
    on = pd.Series(0, index=litters.index)
    for condition in sorted(set(litters)):
        own = random.permutation(litters.index[litters == condition])
        on[own[: len(own) // 2]] = 1
    first = on[scene.samples["litter"]].to_numpy()
    for number, state in enumerate((first, np.where(scene.case > 0, 1 - first, first))):
        genes = scene.pool[number * _PROGRAMME_GENES : (number + 1) * _PROGRAMME_GENES]
        score = 2.0 * state - 1.0 + random.normal(0.0, 0.25, len(state))
        weight = random.uniform(0.5, 1.0, len(genes)) * random.choice([-1.0, 1.0], len(genes))
        planted.shift[genes] = scene.design.effect * np.outer(weight, score)
        planted.role[genes] = f"programme {number + 1}"
    return planted


def _nuisance(scene: _Scene) -> Planted:
    planted, random = scene.up_and_down(_FEW_GENES, 0.7, 1.2), scene.random
    moved = scene.pool[_FEW_GENES : _FEW_GENES + _NUISANCE_GENES]
    composition = random.normal(0.0, 1.0, len(scene.case))
    # The same in both conditions, as that of a confounder would not be.
    for condition in (0.0, 1.0):
        composition[scene.case == condition] -= composition[scene.case == condition].mean()
    planted.shift[moved] += np.outer(random.normal(0.0, 1.2, len(moved)), composition)
    planted.role[moved] = "nuisance"
    return planted


def _shared(scene: _Scene) -> Planted:
    """Programmes of genes that move together in every series of the family; how much each varies is
    the series' own, and one of them differs between the conditions."""
    planted, random = scene.nothing(), scene.random
    structure = np.random.default_rng(_STRUCTURE)
    number = min(_SHARED_PROGRAMMES, len(scene.abundance) // _SHARED_GENES)
    genes = structure.permutation(len(scene.abundance))[: number * _SHARED_GENES]
    members = genes.reshape(number, _SHARED_GENES)
    weights = structure.uniform(0.5, 1.5, members.shape)
    weights *= structure.choice([-1.0, 1.0], members.shape)
    asked = int(random.integers(len(members)))
    for number, (own, weight) in enumerate(zip(members, weights, strict=True)):
        # What differs varies less than others do: its size does not give it away.
        spread = 0.3 if number == asked else random.gamma(2.0, 0.3)
        activity = random.normal(0.0, spread, len(scene.case))
        if number == asked:
            moved = 0.7 * scene.design.effect
            activity += moved * (scene.case * scene.severity - 0.5)
            planted.log2_fold_change[own] = moved * weight
        planted.shift[own] = np.outer(weight, activity)
        planted.role[own] = f"programme {number + 1}"
    return planted


_PLANTERS: dict[str, Callable[[_Scene], Planted]] = {
    "dense": _dense,
    "sparse": lambda scene: scene.up_and_down(_SPARSE_GENES, 0.8, 1.5),
    "pairs": _pairs,
    "interaction": _interaction,
    "within-donor": lambda scene: scene.up_and_down(_FEW_GENES, 0.5, 1.0),
    "nuisance": _nuisance,
    "shared": _shared,
    "null": _Scene.nothing,
}
