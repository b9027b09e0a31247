"""Series as shards: one gene space, nothing touched that is there, copies of what is tested found
under any name."""

from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pytest
import scipy.sparse

from corpus_series import DESIGN, counts
from epigpt.corpus import copies, selection, shards, sources
from epigpt.corpus.components import over_series
from epigpt.corpus.store import open_store
from epigpt.encoding.token_dataset import EncodingConfig
from epigpt.errors import InputError
from epigpt.simulation.simulate import simulate

RECIPE = EncodingConfig("gene-values", 32, 400, 2, 1, 0.5, "deviation")


def write(folder: Path, name: str, made: anndata.AnnData, code: str = "1") -> shards.Shard:
    series = sources.Series(name, made, frozenset({name}))
    return shards.write(folder, series, RECIPE, row=name, source=name, code=[code])


def as_tested(name: str, made: anndata.AnnData, **changed: frozenset) -> selection.Tested:
    observations = shards.over_human_genes(sources.Series(name, made))
    sample = observations.index["sample"].to_numpy(dtype=str)
    panel = copies.panel(observations.counts, observations.genes, sample)
    found = selection.Tested(name, frozenset({name}), frozenset(sample.tolist()), panel)
    return replace(found, **changed)


def decide(folder: Path, series: list[shards.Shard], *datasets: selection.Tested):
    return selection.decide(series, folder, datasets, held_out=0.25, seed=1)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[shards.Shard]]:
    folder = tmp_path_factory.mktemp("shards")
    return folder, [write(folder, f"GSE{n}", counts(n, f"GSM{n}0")) for n in range(1, 5)]


@pytest.mark.slow
def test_another_series_touches_no_shard(tmp_path: Path) -> None:
    first = write(tmp_path, "GSE1", counts(1))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    write(tmp_path, "GSE2", counts(2))
    again = write(tmp_path, "GSE1", counts(1))
    assert again == first
    kept = {path: path.stat().st_mtime_ns for path in before if path != tmp_path}
    assert kept == {path: at for path, at in before.items() if path != tmp_path}
    assert write(tmp_path, "GSE1", counts(1), code="2").identity != first.identity
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.slow
def test_species_meet_in_human_genes(corpus) -> None:
    _, series = corpus
    assert {"SNAP25"} <= {gene.upper() for gene in series[0].genes} or series[0].genes
    assert all(gene == gene.upper() or "orf" in gene for gene in series[0].genes)


def test_a_store_reads_what_the_shards_hold(corpus) -> None:
    folder, series = corpus
    store = open_store(folder, series)
    rows, views = np.array([0, 9, 30, 31, 8]), np.array([0, 1, 1, 0, 0])
    tokens, values = store.tokens[rows, views, :32], store.values[rows, views, :32]
    for place, (row, view) in enumerate(zip(rows, views, strict=True)):
        shard, inside = series[row // 8], row % 8
        own = np.load(folder / shard.identity / "tokens.npy")[inside, view]
        named = [store.vocabulary.genes[token - 2] for token in tokens[place]]
        assert named == [shard.genes[token - 2] for token in own]
        stored = np.load(folder / shard.identity / "values.npy")[inside, view]
        assert values[place] == pytest.approx(stored.astype(np.float32))
    assert store.size == len(store.vocabulary)
    examples = store.examples([1, 3])
    assert set(examples.rows // 8) == {1, 3}
    assert len(examples) == 2 * 8 * 2
    # Too few series to hold one out.
    assert len(store.examples([])) == 0


def test_shared_programmes_are_those_that_were_planted(corpus) -> None:
    folder, series = corpus
    genes = sorted({gene for shard in series for gene in shard.genes})
    numbers = {gene: number for number, gene in enumerate(genes)}
    axes = over_series(series, folder, numbers)
    truth = simulate(1, DESIGN).truth
    role = dict(zip(truth["gene"].str.upper(), truth["role"], strict=True))
    # The genes that weigh most on an axis belong to one programme far more often than by chance.
    shares = []
    for axis in axes[:8]:
        top = [role.get(genes[at], "") for at in np.argsort(-np.abs(axis))[:20]]
        shares.append(max(top.count(name) for name in {*top} - {""}) / 20)
    assert np.mean(shares) > 0.5


def test_the_same_series_is_left_out_however_it_is_named(corpus) -> None:
    folder, series = corpus
    own = counts(2, "other")
    by_accession = as_tested("run", counts(50), accessions=frozenset({"GSE1"}))
    by_family = as_tested("run", counts(50), accessions=frozenset({"GSE900"}))
    related = [replace(series[0], related=["GSE1", "GSE900"]), *series[1:]]
    by_sample = as_tested("run", counts(50), samples=frozenset({"GSM203"}))
    by_counts = as_tested("run", own)
    told = {
        "(part of)": (series, by_accession, "GSE1"),
        "belongs with": (related, by_family, "GSE1"),
        "shares samples": (series, by_sample, "GSE2"),
        "are copies": (series, by_counts, "GSE2"),
    }
    for words, (known, dataset, name) in told.items():
        gone = [one for one in decide(folder, known, dataset) if one.use == selection.LEFT_OUT]
        assert [one.shard.series for one in gone] == [name]
        assert words in gone[0].reason
        assert "'run'" in gone[0].reason


@pytest.mark.slow
@pytest.mark.parametrize("change", ["rescaled", "fewer genes", "resequenced", "one sample"])
def test_a_planted_copy_is_caught(tmp_path: Path, change: str) -> None:
    made, original = counts(7), counts(7, "original")
    random = np.random.default_rng(1)
    dense = np.asarray(made.X.todense())
    if change == "rescaled":
        made.X = scipy.sparse.csr_matrix(dense * 3)
    elif change == "fewer genes":
        made = made[:, random.permutation(made.n_vars)[:1200]].copy()
    elif change == "resequenced":
        made.X = scipy.sparse.csr_matrix(random.binomial(dense, 0.9))
    else:
        stranger = np.asarray(counts(8).X.todense())
        stranger[3] = dense[3]
        made.X = scipy.sparse.csr_matrix(stranger)
    planted = write(tmp_path, "planted", made)
    clean = write(tmp_path, "clean", counts(9))
    found = decide(tmp_path, [planted, clean], as_tested("run", original))
    assert [one.use for one in found] == [selection.LEFT_OUT, selection.TRAIN]
    assert "copies" in found[0].reason


def test_series_are_held_out_whole_and_the_same_each_time(corpus) -> None:
    folder, series = corpus
    first, again = decide(folder, series), decide(folder, series[::-1])
    held = {one.shard.series for one in first if one.use == selection.HELD_OUT}
    assert len(held) == 1
    assert held == {one.shard.series for one in again if one.use == selection.HELD_OUT}
    # Too few of a species to give one away.
    assert all(one.use == selection.TRAIN for one in decide(folder, series[:3]))


def test_twice_the_same_counts_are_one_series(corpus) -> None:
    folder, series = corpus
    twin = replace(series[0], series="GSE77", row="twin")
    decided = decide(folder, [*series[:2], twin])
    assert decided[2].use == selection.LEFT_OUT
    assert "GSE1" in decided[2].reason


def test_a_damaged_shard_says_what_to_delete(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run again"):
        shards.load(tmp_path / "shards" / "gone")
