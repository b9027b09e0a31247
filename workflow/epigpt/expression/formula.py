"""Several contrasts and interactions from one formula, such as `genotype * diet`.

Every factor is compared within each level of the factors that it interacts with, and each
interaction of two factors is a difference of differences; a number gives a slope.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from formulaic import Formula, ModelSpec
from formulaic.errors import FormulaicError

from epigpt.errors import InputError
from epigpt.samples.classes import reference_of


@dataclass(frozen=True)
class Contrast:
    """A comparison that a formula asks for.

    Attributes
    ----------
    name
        In words: "diet: ketogenic vs control in genotype KO".
    weights
        On the columns of the model matrix.
    """

    name: str
    weights: np.ndarray


@dataclass(frozen=True)
class Model:
    """A formula over units: its matrix (units × columns) and its contrasts."""

    matrix: pd.DataFrame
    contrasts: list[Contrast]


def variables(text: str, where: str) -> list[str]:
    """Return the names that a formula uses, in alphabetical order.

    Raises
    ------
    InputError
        The text is not a formula.
    """
    return sorted(map(str, _parsed(text, where).required_variables))


def build(text: str, units: pd.DataFrame, where: str) -> Model:
    """Return the model matrix of a formula and the contrasts that it can answer.

    Parameters
    ----------
    text
        Right-hand side of a formula; names with spaces stand between backticks.
    units
        A row per unit, a column per variable: numbers stay numbers, other texts are categories
        whose reference is the level named like a control.
    where
        For messages.

    Raises
    ------
    InputError
        The text is not a formula, or its terms cannot be told apart in these units.
    """
    levels = {
        name: _reference_first(units[name])
        for name in units
        if not pd.api.types.is_numeric_dtype(units[name])
    }
    typed = units.assign(
        **{name: pd.Categorical(units[name], categories=own) for name, own in levels.items()}
    )
    made: Any = _parsed(text, where).get_model_matrix(typed, na_action="raise")
    matrix = pd.DataFrame(np.asarray(made, dtype=float), index=units.index)
    matrix.columns = [str(name) for name in made.model_spec.column_names]
    if np.linalg.matrix_rank(matrix.to_numpy()) < matrix.shape[1]:
        raise InputError(
            found=f"formula '{text}', whose {matrix.shape[1]} terms the samples cannot tell apart",
            where=where,
            why="a combination of its factors has no sample, or one factor follows from another",
            remedy="leave a term out, or use + instead of *",
        )
    spec = made.model_spec
    interacting = _interactions(spec, list(units))
    terms = _main(spec, typed, levels, interacting)
    for one, other in itertools.combinations(sorted(levels), 2):
        if other in interacting[one]:
            terms += _interaction(spec, typed, levels, (one, other))
    return Model(matrix, terms)


def _reference_first(values: pd.Series) -> list[str]:
    """Return the levels sorted, the one called like a control (wt, sham, vehicle …) first."""
    levels = sorted(set(values))
    reference = reference_of(levels)
    return [reference, *(name for name in levels if name != reference)] if reference else levels


def _parsed(text: str, where: str) -> Formula:
    try:
        return Formula(text.strip().removeprefix("~"))
    except (FormulaicError, SyntaxError, ValueError) as error:
        raise InputError(
            found=f"contrasts = '{text}', which is not a formula",
            where=where,
            why=" ".join(str(error).split()) or "it cannot be read",
            remedy=(
                "write characteristics joined by + or *, such as genotype * diet; a name with"
                " spaces or other signs stands between backticks: `cell line` + sex"
            ),
        ) from None


def _interactions(spec: ModelSpec, names: Sequence[str]) -> dict[str, set[str]]:
    """Return, for each variable, those that stand in one term with it."""
    together: dict[str, set[str]] = {name: set() for name in names}
    for variables_of_term in spec.term_variables.values():
        own = {str(name) for name in variables_of_term} & set(names)
        for name in own:
            together[name] |= own - {name}
    return together


def _row(spec: ModelSpec, typed: pd.DataFrame, values: Mapping[str, Any]) -> np.ndarray:
    """Return the row of the matrix that a unit with these values would have."""
    first = {name: values.get(name, typed[name].iloc[0]) for name in typed}
    row = pd.DataFrame({name: [value] for name, value in first.items()})
    for name in typed:
        if isinstance(typed[name].dtype, pd.CategoricalDtype):
            row[name] = pd.Categorical(row[name], categories=typed[name].cat.categories)
    return np.asarray(spec.get_model_matrix(row), dtype=float)[0]


def _main(
    spec: ModelSpec,
    typed: pd.DataFrame,
    levels: Mapping[str, list[str]],
    interacting: Mapping[str, set[str]],
) -> list[Contrast]:
    effects = []
    for name in typed:
        others = sorted(interacting[name] & set(levels))
        for combination in itertools.product(*(levels[other] for other in others)):
            levels_of = dict(zip(others, combination, strict=True))
            within = "".join(f", {other} {value}" for other, value in levels_of.items())
            within = f" in{within[1:]}" if within else ""
            if name not in levels:
                middle = float(typed[name].mean())
                weights = _row(spec, typed, levels_of | {name: middle + 1}) - _row(
                    spec, typed, levels_of | {name: middle}
                )
                effects.append(Contrast(f"{name}: by 1{within}", weights))
                continue
            reference = levels[name][0]
            base = _row(spec, typed, levels_of | {name: reference})
            for level in levels[name][1:]:
                weights = _row(spec, typed, levels_of | {name: level}) - base
                effects.append(Contrast(f"{name}: {level} vs {reference}{within}", weights))
    return effects


def _interaction(
    spec: ModelSpec,
    typed: pd.DataFrame,
    levels: Mapping[str, list[str]],
    pair: tuple[str, str],
) -> list[Contrast]:
    one, other = pair
    effects = []
    for a, b in itertools.product(levels[one][1:], levels[other][1:]):
        corners = {
            (x, y): _row(spec, typed, {one: x, other: y})
            for x in (levels[one][0], a)
            for y in (levels[other][0], b)
        }
        low_a, low_b = levels[one][0], levels[other][0]
        weights = (corners[a, b] - corners[low_a, b]) - (corners[a, low_b] - corners[low_a, low_b])
        name = f"{one} × {other}: ({a} vs {low_a}) in {b} minus in {low_b}"
        effects.append(Contrast(name, weights))
    return effects
