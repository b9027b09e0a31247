"""Genes taken out of a sequence, their pieces, and which observations are explained."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from attribution_stores import CPU, GENES, make_model, make_store, margin_of, rows_to_explain, train
from epigpt.encoding import encoders
from epigpt.encoding.vocabulary import END, PAD, SPECIAL, Vocabulary
from epigpt.interpretation import (
    contributions,
    knockout,
    shapley,
)
from epigpt.training.batches import collate


def test_sequences_without_values_or_too_long_are_not_sampled() -> None:
    assert shapley.affordable_views(make_store("gene-tokens")) == 0
    store = make_store("gene-values", views=2)
    long = replace(store, tokens=np.zeros((*store.tokens.shape[:2], 500), dtype=np.int32))
    assert shapley.affordable_views(long) == 0
    half = replace(store, tokens=np.zeros((*store.tokens.shape[:2], 128), dtype=np.int32))
    assert shapley.affordable_views(half) == 1


@pytest.mark.parametrize("encoding", ["gene-values", "gene-tokens"])
def test_a_knocked_out_gene_is_taken_out_of_the_sequence_and_the_others_move_up(
    encoding: str,
) -> None:
    store = make_store(encoding)
    model, row = train(store), rows_to_explain(store)[1:2]
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
        (margin_of(model, **whole) - margin_of(model, **without)) * signs[0, gene], abs=1e-5
    )
    assert abs(raw[0, gene]) > 1e-4
    assert np.count_nonzero(raw) == 1


def test_the_pieces_of_a_gene_are_summed_and_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoding that spells each gene in two tokens: here tokens 2k and 2k + 1 are one gene."""
    store = make_store("gene-tokens")
    model = make_model(store).requires_grad_(False)
    whole = contributions.integrated_gradients(model, store, rows_to_explain(store), 1, CPU)
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
    row = rows_to_explain(store)[:1]
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
        margin_of(model, **batch) - margin_of(model, **without), abs=1e-5
    )


def test_padding_after_a_knock_out_is_the_models_own() -> None:
    store = make_store("gene-tokens")
    short = store.lengths.copy()
    short[:, 0] = 10
    tokens = store.tokens.copy()
    tokens[:, 0, 9], tokens[:, 0, 10:] = END, PAD
    store = replace(store, tokens=tokens, lengths=short)
    model, rows = make_model(store).requires_grad_(False), rows_to_explain(store)
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
    store = make_store("gene-values")
    assert set(store.index["set"].to_numpy()[rows_to_explain(store)]) == {"test"}
    cells = store.index.assign(sample=["A"] * 31 + ["B"] * 9, set="test")
    few = contributions.held_out_rows(replace(store, index=cells), 10)
    assert cells["sample"].to_numpy()[few].tolist() == ["A"] * 5 + ["B"] * 5
    assert few[0] == 0
    assert few[4] == 30
