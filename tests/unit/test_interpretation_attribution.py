"""Contributions of genes to the output: complete, per gene whatever the encoding, of held-out
samples; averages and checks."""

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from attribution_stores import (
    CPU,
    GENES,
    PLANTED,
    make_model,
    make_store,
    margin_of,
    rows_to_explain,
    train,
)
from epigpt.interpretation import (
    attribution,
    contributions,
    explain,
    flags,
    ranking,
    sampling,
    shapley,
)
from epigpt.training.batches import collate


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["gene-values", "gene-tokens"])
def test_a_trained_model_points_at_the_planted_genes_in_their_direction_and_random_weights_do_not(
    encoding: str,
) -> None:
    store = make_store(encoding)
    rows = rows_to_explain(store)
    models = [
        train(store),
        *(make_model(store, seed).requires_grad_(False) for seed in (7, 8, 9, 10)),
    ]
    raw = [contributions.integrated_gradients(model, store, rows, 1, CPU) for model in models]
    found, *random = (attribution.over_samples(one.values, store.index.iloc[rows]) for one in raw)
    signs = np.sign(found[list(PLANTED)])
    # A sequence of raised genes tells little of a lowered one: it is the raised ones that such a
    # model can lean on.
    asked = [
        at for at, change in enumerate(PLANTED.values()) if encoding == "gene-values" or change > 0
    ]
    assert (signs[asked] == np.array(list(PLANTED.values()))[asked]).all()
    if encoding == "gene-values":
        assert set(np.argsort(-np.abs(found))[:4]) == set(PLANTED)
    else:
        assert {3, 11} <= set(np.argsort(-np.abs(found))[:4])
    assert abs(np.mean([attribution.rank_correlation(found, one) for one in random])) < 0.2


@pytest.mark.slow
def test_integrated_gradients_sum_to_the_change_of_the_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        contributions, "STEPS", 400
    )  # a model this small switches abruptly on the way
    store = make_store("gene-values")
    model, rows = train(store), rows_to_explain(store)
    found = contributions.integrated_gradients(model, store, rows, 1, CPU)
    attributed = (found.values * contributions.directions(store, rows, 0)).sum(axis=1)
    change = []
    for row in rows:
        batch = collate(store, np.array([row]), np.zeros(1, dtype=int))
        change.append(
            margin_of(model, **batch)
            - margin_of(model, **{**batch, "values": torch.zeros_like(batch["values"])})
        )
    assert np.ptp(change) > 0.5
    # What the steps miss of the switch, against the size of the change.
    assert np.sqrt(np.mean((attributed - change) ** 2)) < 0.1 * np.sqrt(np.mean(np.square(change)))
    assert found.incompleteness < 0.1


def test_genes_of_a_species_that_is_not_known_are_not_flagged_by_what_they_are() -> None:
    shared = ["Fos", "Gabra3", "Gad1"]
    table = pd.DataFrame({"gene": shared, "symbol": shared, "p": 0.01, "stability": 1.0})
    for species in ("mouse", "rat"):
        assert flags.flags(table, species) == ["immediate_early", "sex_chromosome", ""]
    assert flags.flags(table, "unknown") == ["", "", ""]


def test_sampled_orders_add_up_to_the_change_of_the_output_whatever_the_model() -> None:
    store = make_store("gene-values", views=2)
    model, rows = train(store), rows_to_explain(store)
    assert shapley.affordable_views(store) == 2
    found = shapley.of_tokens(model, store, rows, 1, CPU)
    assert found.method == contributions.SHAPLEY
    added = (found.values * contributions.directions(store, rows, 0)).sum(axis=1)
    for row, total in zip(rows, added, strict=True):
        batch = collate(store, np.array([row]), np.zeros(1, dtype=int))
        resting = {**batch, "values": torch.zeros_like(batch["values"])}
        assert total == pytest.approx(
            margin_of(model, **batch) - margin_of(model, **resting), abs=1e-4
        )


def test_sampled_values_are_those_of_all_orders_where_tokens_interact() -> None:
    """f = product of the first two plus the third: Shapley's values are known."""

    def model(input_ids, attention_mask, values):
        logit = values[:, 0] * values[:, 1] + 3 * values[:, 2]
        return SimpleNamespace(logits=torch.stack([torch.zeros_like(logit), logit], dim=1))

    values = torch.tensor([[2.0, 4.0, 1.0]])
    batch = {"input_ids": torch.zeros((1, 3)), "attention_mask": torch.ones((1, 3))}
    batch["values"] = values
    shares = np.mean(
        [
            sampling.contributions(
                model,
                batch,
                torch.zeros_like(values),
                torch.tensor([[-1.0, 1.0]]),
                [1, number],
                reverse=reverse,
            )
            for number in range(5)
            for reverse in (False, True)
        ],
        axis=0,
    )
    # An order and its reverse give the product once to each of the two.
    assert shares == pytest.approx(np.array([[4.0, 4.0, 3.0]]))


def test_sampled_values_point_at_the_planted_genes() -> None:
    store = make_store("gene-values", views=4)
    rows = rows_to_explain(store)
    found = shapley.of_tokens(train(store), store, rows, 4, CPU)
    averaged = attribution.over_samples(found.values, store.index.iloc[rows])
    assert set(np.argsort(-np.abs(averaged))[:4]) == set(PLANTED)


def test_several_classes_are_explained_towards_the_samples_own() -> None:
    store = make_store("gene-values", classes=("a", "b", "c"))
    weights = contributions.margin_weights(store, np.arange(3))
    assert weights.tolist() == [[1.0, -0.5, -0.5], [-0.5, 1.0, -0.5], [-0.5, -0.5, 1.0]]
    assert (contributions.directions(store, np.arange(3), 0) == 1).all()


def test_samples_and_classes_weigh_alike() -> None:
    numbers = np.array([[1.0], [3.0], [8.0], [0.0]])
    samples = pd.DataFrame({"sample": ["A", "A", "B", "C"], "label": ["x", "x", "x", "y"]})
    assert attribution.over_samples(numbers, samples) == pytest.approx(
        [(((1 + 3) / 2 + 8) / 2 + 0) / 2]
    )


@pytest.mark.parametrize(("missing", "listed"), [(0.2, True), (0.34, False)])
def test_no_gene_is_listed_where_a_third_of_the_output_is_unaccounted_for(
    missing: float, listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store("gene-values")
    rows = rows_to_explain(store)
    values = contributions.directions(store, rows, 0)
    found = contributions.Contributions(values, missing, contributions.GRADIENTS)
    opened = explain._Opened(store, rows, SimpleNamespace(config=None), CPU)
    monkeypatch.setattr(explain, "_open", lambda *_: opened)
    monkeypatch.setattr(explain, "_contributions", lambda *_: found)
    monkeypatch.setattr(explain, "_random_agreement", lambda *_: 0.0)
    place = explain.Place(Path("tokens"), Path("model"))
    contrasts = pd.DataFrame(columns=["gene", "p", "log2_fold_change", "se"])
    table, _, summary = explain.attribute([place], contrasts, 0, 1, logging.getLogger("test"))
    assert len(table) == (GENES if listed else 0)
    assert summary["computed"] == listed
    assert list(table.columns) == list(ranking.COLUMNS)
    if not listed:
        assert summary["reason"].startswith("no gene accounts for 34%")
