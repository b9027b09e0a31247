"""Programmes that a corpus' series share: found among a data set's genes, read by a rule of their
own, and worth something where a dozen donors cannot show them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from epigpt.dataset.in_memory import InMemoryCounts
from epigpt.encoding import fitting, gene_statistics, shared_programs
from epigpt.encoding.programs import GENES, MOST, SHARED, budget
from epigpt.encoding.shared_programs import SharedPrograms
from epigpt.encoding.training_sums import expression
from epigpt.errors import InputError
from epigpt.genes import orthologs
from epigpt.simulation.design import CASE, FAMILIES
from epigpt.simulation.simulate import Simulated, simulate

CLASSES = ("case", "control")


def _series(seed: int, family: str = "shared") -> tuple[InMemoryCounts, Simulated]:
    drawn = simulate(seed, FAMILIES[family].design)
    counts = drawn.counts.sort_index(kind="stable")
    genes = counts.index.to_numpy(dtype=str)
    label = np.where(drawn.samples["condition"] == CASE, *CLASSES)
    names = drawn.samples.index.to_numpy(dtype=str)
    index = pd.DataFrame({"observation": names, "sample": names, "label": label})
    index["group"] = drawn.samples["litter"].to_numpy(dtype=str)
    matrix = scipy.sparse.csr_matrix(counts.T.to_numpy())
    return InMemoryCounts(index, genes, genes, 1e6, "mouse", matrix), drawn


def _planted(drawn: Simulated) -> SharedPrograms:
    """The programmes as the family plants them: members of each, and which way they move."""
    level = np.log1p(drawn.counts.to_numpy())
    level -= level.mean(axis=1, keepdims=True)
    role = drawn.truth["role"].to_numpy(dtype=str)
    loadings = []
    for name in sorted(set(role) - {""}):
        members = np.flatnonzero(role == name)
        abundant = members[drawn.truth["abundance"].to_numpy()[members].argmax()]
        loadings.append(np.where(role == name, np.sign(level @ level[abundant]), 0.0))
    human = orthologs.to_human(tuple(drawn.truth["gene"]), tuple(drawn.truth["gene"]), "mouse")
    names = human[0]["human"].to_numpy(dtype=str)
    first = np.unique(names, return_index=True)[1][1:]  # without those that have none
    return SharedPrograms(names[first], np.array(loadings)[:, first].astype(np.float32))


def _fitted(
    observations: InMemoryCounts, training: np.ndarray, shared: SharedPrograms | None
) -> tuple[np.ndarray, gene_statistics.GeneStatistics]:
    wanted = fitting.Wanted("program-tokens", "both", 64, 5000, 1, True, CLASSES, shared)
    vocabulary, reference = fitting.fit(observations, training, wanted)
    return vocabulary.columns(observations.genes), reference


def _auc(observations: InMemoryCounts, shared: SharedPrograms | None) -> float:
    truth = (observations.index["label"] == "case").to_numpy()
    margins = np.zeros(len(truth))
    for training, tested in StratifiedKFold(4, shuffle=True, random_state=1).split(truth, truth):
        columns, reference = _fitted(observations, training, shared)
        programs = reference.programs
        assert programs is not None
        shown = np.concatenate(
            [
                reference.deviations(block[:, columns])
                for _, block in expression(observations, tested)
            ]
        )
        logits = programs.scores(shown) @ programs.weights + programs.bias
        margins[tested] = logits[:, 0] - logits[:, 1]
    return float(roc_auc_score(truth, margins))


@pytest.mark.slow
def test_genes_are_found_by_their_human_orthologs() -> None:
    shared = SharedPrograms(
        np.array(["GAPDH", "SNAP25", "UNKNOWN1"]), np.array([[1, 2, 3]], dtype=np.float32)
    )
    genes = ["ENSMUSG00000027273", "Gapdh", "no gene"]
    columns, loadings = shared.over(genes, ["Snap25", "Gapdh", "no gene"], "mouse")
    assert columns.tolist() == [0, 1]
    assert loadings.tolist() == [[2, 1]]
    # Two genes that share a human gene share its weight.
    _, loadings = shared.over(["GAPDH", "other"], ["GAPDH", "GAPDH"], "human")
    assert loadings.tolist() == [[0.5, 0.5]]
    assert len(shared.over(genes, genes, "unknown")[0]) == 0


def test_only_the_largest_weights_of_a_programme_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_programs, "MOST_GENES", 2)
    shared = SharedPrograms(
        np.array(["A", "B", "C", "D"]), np.array([[4, -3, 1, 0.5]], dtype=np.float32)
    )
    columns, loadings = shared.over(["A", "B", "C", "D"], ["A", "B", "C", "D"], "human")
    assert columns.tolist() == [0, 1]
    assert loadings.tolist() == [[3, -2]]


def test_programmes_come_back_from_their_file_or_say_what_to_do(tmp_path: Path) -> None:
    shared = SharedPrograms(np.array(["A"]), np.ones((1, 1), dtype=np.float32))
    shared.save(tmp_path / shared_programs.FILE)
    assert shared_programs.load(tmp_path / shared_programs.FILE).genes.tolist() == ["A"]
    (tmp_path / shared_programs.FILE).write_bytes(b"PK\3\4 cut")
    with pytest.raises(InputError, match="run again"):
        shared_programs.load(tmp_path / shared_programs.FILE)


@pytest.mark.parametrize("classes", range(2, 9))
@pytest.mark.parametrize("tokens", [16, 64, 128])
def test_a_second_rule_finds_room_among_the_tokens(tokens: int, classes: int) -> None:
    components, genes, pairs, rules = budget(tokens, classes, shared=True)
    assert components + genes + pairs + 2 * rules <= min(tokens, MOST)
    assert 0 <= genes <= GENES
    if classes == 2:
        assert budget(tokens, classes) == (components, genes, pairs, rules) or tokens == 16


def test_the_rule_is_made_of_the_programmes_genes_and_of_none_that_is_excluded() -> None:
    observations, drawn = _series(9001)
    shared, every = _planted(drawn), np.arange(len(observations.index))
    columns, reference = _fitted(observations, every, shared)
    assert reference.programs is not None
    (rule,) = reference.programs.loadings[reference.programs.kinds == SHARED]
    used = set(observations.genes[columns[np.flatnonzero(rule)]])
    asked = drawn.truth.set_index("gene")["log2_fold_change"].ne(0)
    assert used <= set(drawn.truth.loc[drawn.truth["role"] != "", "gene"])
    assert np.mean([asked[gene] for gene in used]) > 0.1
    excluded = np.isin(observations.genes, sorted(used)[:100])

    class Without(InMemoryCounts):
        @property
        def excluded(self) -> np.ndarray:
            return excluded

    columns, reference = _fitted(Without(**vars(observations)), every, shared)
    assert not set(observations.genes[columns]) & set(observations.genes[excluded])


def test_without_a_corpus_or_a_gene_of_it_nothing_changes() -> None:
    observations, _ = _series(9002)
    every = np.arange(len(observations.index))
    stranger = SharedPrograms(np.array(["NOBODY"]), np.ones((1, 1), dtype=np.float32))
    (_, without), (_, beside) = (_fitted(observations, every, one) for one in (None, stranger))
    assert without.programs is not None
    assert beside.programs is not None
    for name, values in vars(without.programs).items():
        assert np.array_equal(getattr(beside.programs, name), values), name


@pytest.mark.slow
def test_what_series_share_tells_donors_apart_that_alone_are_too_few() -> None:
    gains = []
    for seed in (9003, 9005):
        observations, drawn = _series(seed)
        gains.append(_auc(observations, _planted(drawn)) - _auc(observations, None))
    assert np.mean(gains) >= 0.05
