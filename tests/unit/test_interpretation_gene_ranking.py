"""Attributions of a data set: averaged over fits, ranked by class, with stability, chance and flags."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from epigpt.interpretation import (
    attribution,
    flags,
    ranking,
)


def _held_out(values: np.ndarray, label: list[str], **given: Any) -> ranking.HeldOut:
    names = [f"S{at:02d}" for at in range(len(values))]
    genes = [f"G{at:03d}" for at in range(values.shape[1])]
    samples = pd.DataFrame({"sample": names, "group": names, "label": label})
    known = {"genes": genes, "symbols": genes, "samples": samples}
    known |= {"values": values, "directions": np.sign(values), **given}
    return ranking.HeldOut(**known)


def _pushes(samples: int = 24, genes: int = 200, planted: int = 5) -> tuple[np.ndarray, list[str]]:
    """Contributions to the case's logit: some genes push samples towards their own class, gene 10
    far, but in both classes alike, as a sex-linked gene does."""
    random = np.random.default_rng(0)
    label = ["case" if at % 2 else "control" for at in range(samples)]
    values = random.normal(0, 0.1, (samples, genes))
    values[:, :planted] += np.where(np.array(label) == "case", 0.2, -0.2)[:, None]
    values[:, 10] = np.where(np.arange(samples) // 2 % 2, 1.0, -1.0)
    return values, label


def test_genes_are_ranked_by_the_difference_between_the_classes_not_by_their_size() -> None:
    values, label = _pushes()
    found = ranking.table([_held_out(values, label)], ["control", "case"])
    assert list(found.columns) == list(ranking.COLUMNS)
    assert set(found["symbol"][:5]) == {f"G{at:03d}" for at in range(5)}
    assert found["rank"].tolist() == list(range(1, 201))
    sex_linked = found.set_index("gene").loc["G010"]
    assert abs(sex_linked["attribution"]) < 0.05
    assert sex_linked["p"] > 0.2


def test_stability_and_p_tell_planted_genes_from_others() -> None:
    values, label = _pushes(genes=400)
    found = ranking.table([_held_out(values, label)], ["control", "case"]).set_index("gene")
    planted = [f"G{at:03d}" for at in range(5)]
    assert (found.loc[planted, "stability"] > 0.95).all()
    assert (found.loc[planted, "p"] < 0.01).all()
    others = found.drop(index=planted)
    assert others["stability"].median() < 0.1
    assert (others["p"] < 0.05).mean() < 0.1


def test_without_an_effect_p_is_even() -> None:
    random = np.random.default_rng(3)
    label = ["case" if at % 2 else "control" for at in range(20)]
    found = ranking.table([_held_out(random.normal(0, 1, (20, 500)), label)], ["control", "case"])
    assert (found["p"] < 0.05).mean() == pytest.approx(0.05, abs=0.03)


def test_the_sign_says_towards_which_class_more_of_a_gene_pushes() -> None:
    values, label = _pushes()
    raised = np.sign(values)
    raised[:, 1] *= -1  # lowered where it pushes towards the case
    found = ranking.table([_held_out(values, label, directions=raised)], ["control", "case"])
    attribution = found.set_index("gene")["attribution"]
    assert attribution["G000"] > 0 > attribution["G001"]
    assert found["rank"].is_monotonic_increasing


def test_labels_of_whole_donors_are_permuted() -> None:
    """Ten copies of each of four donors are no forty samples."""
    values = np.repeat(np.array([[1.0], [1.0], [-1.0], [-1.0]]), 10, axis=0)
    label = ["case"] * 20 + ["control"] * 20
    copies = _held_out(values, label)
    donors = copies.samples.assign(group=np.repeat(["A", "B", "C", "D"], 10))
    found = ranking.table([replace(copies, samples=donors)], ["control", "case"])
    assert found["p"].iloc[0] > 0.1
    assert ranking.table([copies], ["control", "case"])["p"].iloc[0] < 0.01


def test_fits_are_averaged_and_a_gene_that_a_fit_does_not_know_contributes_nothing() -> None:
    samples = pd.DataFrame({"sample": ["a", "b"], "group": ["a", "b"], "label": ["x", "y"]})
    one = ranking.HeldOut(["G1"], ["one"], samples, np.array([[-1.0], [1.0]]), np.ones((2, 1)))
    other = replace(one, genes=["G2"], symbols=["two"], values=np.array([[-4.0], [4.0]]))
    found = ranking.table([one, other], ["x", "y"])
    assert found["gene"].tolist() == ["G2", "G1"]
    assert found["attribution"].tolist() == [2.0, 0.5]
    assert ranking.table([], ["x", "y"]).empty


def test_cells_of_one_sample_with_several_labels_count_for_each() -> None:
    samples = pd.DataFrame({"sample": ["a"] * 3, "group": ["a"] * 3, "label": ["x", "x", "y"]})
    values = np.array([[-1.0], [-3.0], [1.0]])
    found = ranking.table(
        [ranking.HeldOut(["G"], ["G"], samples, values, np.sign(values))], ["x", "y"]
    )
    assert found["attribution"].tolist() == [1.5]


def test_several_classes_are_ranked_by_the_push_towards_the_own_class() -> None:
    values, _ = _pushes(samples=24)
    label = [f"class{at % 3}" for at in range(24)]
    values[:, 7] = 0.5
    found = ranking.table([_held_out(values, label)], ["class0", "class1", "class2"])
    assert found["gene"].iloc[0] == "G007"
    assert found["p"].isna().all()


def test_flags_warn_of_sex_handling_instability_and_chance() -> None:
    table = pd.DataFrame(
        {
            "gene": ["ENSMUSG00000086503", "ENSMUSG00000021250", "ENSMUSG00000033208", "x"],
            "symbol": ["Xist", "Fos", "S100b", "Fkbp5"],
            "p": [0.001, 0.001, 0.2, 0.001],
            "stability": [0.9, 0.9, 0.1, 0.9],
        }
    )
    assert flags.flags(table, "mouse") == [
        "sex_chromosome",
        "immediate_early",
        "low_stability;within_chance",
        "stress_hormone",
    ]


def test_agreement_with_differential_expression_counts_shared_genes_against_chance() -> None:
    random = np.random.default_rng(1)
    change = random.normal(size=400)
    genes = [f"G{at:03d}" for at in range(400)]
    rank = np.empty(400, dtype=int)
    rank[np.argsort(-np.abs(change))] = np.arange(1, 401)
    table = pd.DataFrame({"gene": genes, "attribution": change, "rank": rank})
    contrasts = pd.DataFrame(
        {"gene": genes, "log2_fold_change": change, "se": 1.0, "p": np.exp(-np.abs(change))}
    )
    curve, same = attribution.agreement(table, contrasts, signed=True)
    assert list(curve.columns) == attribution.AGREEMENT
    assert (curve["share"] == 1).all()
    assert curve["expected_share"].tolist() == [number / 400 for number in curve["genes"]]
    assert same["size_rank_correlation"] == pytest.approx(1)
    assert same["signed_rank_correlation"] == pytest.approx(1)
    assert same["same_direction"] == 1
    _, opposite = attribution.agreement(
        table, contrasts.assign(log2_fold_change=-change), signed=True
    )
    assert opposite["signed_rank_correlation"] == pytest.approx(-1)
    shuffled = contrasts.assign(p=random.permutation(contrasts["p"]))
    curve, unrelated = attribution.agreement(table, shuffled, signed=False)
    assert abs(unrelated["size_rank_correlation"]) < 0.15
    assert np.isnan(unrelated["signed_rank_correlation"])
    assert (curve["share"] - curve["expected_share"]).abs().max() < 0.15
    curve, nothing = attribution.agreement(table, contrasts.iloc[:0], signed=True)
    assert curve.empty
    assert np.isnan(nothing["size_rank_correlation"])
