"""Contributions of genes to the output: complete, per gene whatever the encoding, of held-out
samples; averages and checks."""

import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from epigpt.encoding import encoders
from epigpt.encoding.gene_statistics import GeneStatistics
from epigpt.encoding.token_dataset import EncodingConfig, TokenDataset
from epigpt.encoding.vocabulary import END, PAD, SPECIAL, Vocabulary
from epigpt.interpretation import (
    attribution,
    contributions,
    explain,
    flags,
    knockout,
    ranking,
    sampling,
    shapley,
)
from epigpt.models import classifier, presets
from epigpt.training.batches import collate

CPU = torch.device("cpu")
GENES = 60
PLANTED = {3: 1.0, 11: 1.0, 20: -1.0, 42: -1.0}


def _store(
    encoding: str, samples: int = 40, classes: tuple[str, ...] = ("control", "case"), views: int = 1
) -> TokenDataset:
    """Deviations of 60 genes; the planted ones follow the case, upwards or downwards; a third of
    the samples is held out."""
    random = np.random.default_rng(5)
    label = np.arange(samples) % len(classes)
    deviation = random.normal(0, 0.7, (samples, GENES))
    for gene, change in PLANTED.items():
        deviation[:, gene] += 2 * change * (label == 1) - change
    order = np.argsort(
        -np.abs(deviation) if encoding == "gene-values" else -deviation, axis=1, kind="stable"
    )[:, :24]
    tokens = (order + len(SPECIAL)).astype(np.int32)
    values = (
        np.take_along_axis(deviation, order, axis=1).astype(np.float32)
        if encoding == "gene-values"
        else None
    )
    if values is None:
        tokens = np.concatenate([tokens, np.full((samples, 1), END, dtype=np.int32)], axis=1)
    tokens = np.repeat(tokens[:, None], views, axis=1)
    values = None if values is None else np.repeat(values[:, None], views, axis=1)
    names = [f"S{number:02d}" for number in range(samples)]
    held_out = np.where(np.arange(samples) % 3 == 0, "test", "train")
    index = pd.DataFrame(
        {
            "observation": names,
            "sample": names,
            "group": names,
            "label": [classes[at] for at in label],
            "set": held_out,
        }
    )
    nothing = np.zeros(GENES, dtype=np.float32)
    genes = tuple(f"G{number:02d}" for number in range(GENES))
    reference = GeneStatistics(
        nothing, nothing + 1, nothing, 1e6, np.zeros((0, GENES), dtype=np.float32)
    )
    lengths = np.full(tokens.shape[:2], tokens.shape[2], dtype=np.int32)
    recipe = EncodingConfig(encoding, 24, GENES, views, 1)
    return TokenDataset(
        index, tokens, lengths, values, Vocabulary(genes, genes), reference, recipe, list(classes)
    )


def _model(store: TokenDataset, seed: int = 1) -> Any:
    config = classifier.configuration(
        presets.load("tiny"),
        store.recipe.encoding,
        len(store.vocabulary),
        store.tokens.shape[2],
        store.classes,
    )
    return classifier.build(config, seed).eval()


def _trained(store: TokenDataset) -> Any:
    model = _model(store)
    rows = np.flatnonzero((store.index["set"] == "train").to_numpy())
    batch = collate(store, rows, np.zeros(len(rows), dtype=int))
    truth = torch.from_numpy(
        store.index["label"]
        .map({name: at for at, name in enumerate(store.classes)})
        .to_numpy()[rows]
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(12):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(**batch).logits, truth).backward()
        optimizer.step()
    return model.requires_grad_(False)


def _rows(store: TokenDataset) -> np.ndarray:
    return contributions.held_out_rows(store, 1000)


def _margin(model: Any, **batch: torch.Tensor) -> float:
    with torch.inference_mode():
        logits = model(**batch).logits[0]
    return float(logits[1] - logits[0])


@pytest.mark.parametrize("encoding", ["gene-values", "gene-tokens"])
def test_a_trained_model_points_at_the_planted_genes_in_their_direction_and_random_weights_do_not(
    encoding: str,
) -> None:
    store = _store(encoding)
    rows = _rows(store)
    models = [
        _trained(store),
        *(_model(store, seed).requires_grad_(False) for seed in (7, 8, 9, 10)),
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


def test_integrated_gradients_sum_to_the_change_of_the_output(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        contributions, "STEPS", 400
    )  # a model this small switches abruptly on the way
    store = _store("gene-values")
    model, rows = _trained(store), _rows(store)
    found = contributions.integrated_gradients(model, store, rows, 1, CPU)
    attributed = (found.values * contributions.directions(store, rows, 0)).sum(axis=1)
    change = []
    for row in rows:
        batch = collate(store, np.array([row]), np.zeros(1, dtype=int))
        change.append(
            _margin(model, **batch)
            - _margin(model, **{**batch, "values": torch.zeros_like(batch["values"])})
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
    store = _store("gene-values", views=2)
    model, rows = _trained(store), _rows(store)
    assert shapley.affordable_views(store) == 2
    found = shapley.of_tokens(model, store, rows, 1, CPU)
    assert found.method == contributions.SHAPLEY
    added = (found.values * contributions.directions(store, rows, 0)).sum(axis=1)
    for row, total in zip(rows, added, strict=True):
        batch = collate(store, np.array([row]), np.zeros(1, dtype=int))
        resting = {**batch, "values": torch.zeros_like(batch["values"])}
        assert total == pytest.approx(_margin(model, **batch) - _margin(model, **resting), abs=1e-4)


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
    store = _store("gene-values", views=4)
    rows = _rows(store)
    found = shapley.of_tokens(_trained(store), store, rows, 4, CPU)
    averaged = attribution.over_samples(found.values, store.index.iloc[rows])
    assert set(np.argsort(-np.abs(averaged))[:4]) == set(PLANTED)


def test_sequences_without_values_or_too_long_are_not_sampled() -> None:
    assert shapley.affordable_views(_store("gene-tokens")) == 0
    store = _store("gene-values", views=2)
    long = replace(store, tokens=np.zeros((*store.tokens.shape[:2], 500), dtype=np.int32))
    assert shapley.affordable_views(long) == 0
    half = replace(store, tokens=np.zeros((*store.tokens.shape[:2], 128), dtype=np.int32))
    assert shapley.affordable_views(half) == 1


@pytest.mark.parametrize("encoding", ["gene-values", "gene-tokens"])
def test_a_knocked_out_gene_is_taken_out_of_the_sequence_and_the_others_move_up(
    encoding: str,
) -> None:
    store = _store(encoding)
    model, row = _trained(store), _rows(store)[1:2]
    gene = int(store.tokens[row[0], 0, 5]) - len(SPECIAL)
    absent = next(
        number for number in range(GENES) if number + len(SPECIAL) not in store.tokens[row[0], 0]
    )
    raw = knockout.knock_out(model, store, row, 1, np.array([gene, absent]), device=CPU).values
    signs = contributions.directions(store, row, 0)
    whole = collate(store, row, np.zeros(1, dtype=int))
    without = {
        name: torch.cat([tensor[:, :5], tensor[:, 6:]], dim=1) for name, tensor in whole.items()
    }
    assert raw[0, gene] == pytest.approx(
        (_margin(model, **whole) - _margin(model, **without)) * signs[0, gene], abs=1e-5
    )
    assert abs(raw[0, gene]) > 1e-4
    assert np.count_nonzero(raw) == 1


def test_the_pieces_of_a_gene_are_summed_and_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoding that spells each gene in two tokens: here tokens 2k and 2k + 1 are one gene."""
    store = _store("gene-tokens")
    model = _model(store).requires_grad_(False)
    whole = contributions.integrated_gradients(model, store, _rows(store), 1, CPU)
    halves = SimpleNamespace(
        has_values=False,
        genes_of=lambda tokens, vocabulary: np.where(
            tokens >= 2, (tokens.astype(np.int64) - 2) // 2, -1
        ),
    )
    monkeypatch.setitem(encoders.ENCODERS, "gene-tokens", halves)
    spelt = replace(
        store,
        vocabulary=Vocabulary(
            store.vocabulary.genes[: GENES // 2], store.vocabulary.symbols[: GENES // 2]
        ),
    )
    row = _rows(store)[:1]
    pieces = contributions.integrated_gradients(
        model, spelt, row, 1, CPU
    ).values * contributions.directions(spelt, row, 0)
    monkeypatch.undo()
    single = whole.values[:1] * contributions.directions(store, row, 0)
    assert np.allclose(pieces, single.reshape(1, -1, 2).sum(axis=2), atol=1e-6)
    monkeypatch.setitem(encoders.ENCODERS, "gene-tokens", halves)
    gene = int(store.tokens[row[0], 0, 0] - 2) // 2
    batch = collate(store, row, np.zeros(1, dtype=int))
    kept = (batch["input_ids"] - 2).div(2, rounding_mode="floor") != gene
    kept |= batch["input_ids"] < 2
    without = {name: tensor[kept][None] for name, tensor in batch.items()}
    raw = knockout.knock_out(
        model, spelt, row, 1, np.array([gene]), device=CPU
    ).values * contributions.directions(spelt, row, 0)
    assert raw[0, gene] == pytest.approx(
        _margin(model, **batch) - _margin(model, **without), abs=1e-5
    )


def test_padding_after_a_knock_out_is_the_models_own() -> None:
    store = _store("gene-tokens")
    short = store.lengths.copy()
    short[:, 0] = 10
    tokens = store.tokens.copy()
    tokens[:, 0, 9], tokens[:, 0, 10:] = END, PAD
    store = replace(store, tokens=tokens, lengths=short)
    model, rows = _model(store).requires_grad_(False), _rows(store)
    together = knockout.knock_out(model, store, rows, 1, np.arange(GENES), device=CPU).values
    alone = np.concatenate(
        [
            knockout.knock_out(
                model, store, rows[at : at + 1], 1, np.arange(GENES), device=CPU
            ).values
            for at in (0, 1, 2)
        ]
    )
    assert np.allclose(together[:3], alone, atol=1e-5)


def test_only_held_out_observations_are_explained_and_of_many_cells_the_same_number_per_sample() -> (
    None
):
    store = _store("gene-values")
    assert set(store.index["set"].to_numpy()[_rows(store)]) == {"test"}
    cells = store.index.assign(sample=["A"] * 31 + ["B"] * 9, set="test")
    few = contributions.held_out_rows(replace(store, index=cells), 10)
    assert cells["sample"].to_numpy()[few].tolist() == ["A"] * 5 + ["B"] * 5
    assert few[0] == 0
    assert few[4] == 30


def test_several_classes_are_explained_towards_the_samples_own() -> None:
    store = _store("gene-values", classes=("a", "b", "c"))
    weights = contributions.margin_weights(store, np.arange(3))
    assert weights.tolist() == [[1.0, -0.5, -0.5], [-0.5, 1.0, -0.5], [-0.5, -0.5, 1.0]]
    assert (contributions.directions(store, np.arange(3), 0) == 1).all()


def test_samples_and_classes_weigh_alike() -> None:
    numbers = np.array([[1.0], [3.0], [8.0], [0.0]])
    samples = pd.DataFrame({"sample": ["A", "A", "B", "C"], "label": ["x", "x", "x", "y"]})
    assert attribution.over_samples(numbers, samples) == pytest.approx(
        [(((1 + 3) / 2 + 8) / 2 + 0) / 2]
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


@pytest.mark.parametrize(("missing", "listed"), [(0.2, True), (0.34, False)])
def test_no_gene_is_listed_where_a_third_of_the_output_is_unaccounted_for(
    missing: float, listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = _store("gene-values")
    rows = _rows(store)
    values = contributions.directions(store, rows, 0)
    found = contributions.Contributions(values, missing, contributions.GRADIENTS)
    opened = SimpleNamespace(store=store, rows=rows, model=None, device=CPU)
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
