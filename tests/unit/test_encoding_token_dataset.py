"""The token store: nothing fitted outside the training samples, nothing dependent on the order of a
file."""

from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import threadpoolctl

from epigpt.dataset import normalization
from epigpt.dataset.count_blocks import CountBlocks, open_observations
from epigpt.encoding import augmentation, fold_sets, gene_statistics, token_dataset
from epigpt.errors import InputError

SAMPLES = [f"S{number:02d}" for number in range(12)]
FOLDS = pd.DataFrame(
    {
        "sample": SAMPLES,
        "group": SAMPLES,
        "repeat": "0",
        "fold": [str(number % 3) for number in range(12)],
    }
)


def _table(
    folder: Path,
    seed: int = 0,
    shuffle: bool = False,
    dense: bool = False,
    name: str = "a.h5ad",
    **uns: str,
) -> Path:
    generator = np.random.default_rng(seed)
    means = generator.gamma(0.5, 20, 150)
    counts = pd.DataFrame(
        generator.poisson(means, (12, 150)),
        index=SAMPLES,
        columns=[f"Gene{number:03d}" for number in range(150)],
    )
    counts = counts.rename(columns={"Gene007": "gene006"})  # case alone must keep genes apart
    if shuffle:
        counts = counts.iloc[generator.permutation(12), generator.permutation(150)]
    obs = pd.DataFrame(
        {
            "sample": counts.index,
            "group": counts.index,
            "label": np.where(counts.index < "S06", "a", "b"),
        },
        index=counts.index,
    )
    values = counts.to_numpy(dtype=np.int32)
    data = anndata.AnnData(
        X=values if dense else scipy.sparse.csr_matrix(values),
        obs=obs,
        var=pd.DataFrame({"symbol": counts.columns}, index=counts.columns),
    )
    data.uns.update({"assay": "bulk", "organism": "mouse", **uns})
    path = folder / name
    data.write_h5ad(path)
    return path


def _write(
    path: Path, folder: Path, fit: str = "repeat0/fold1", encoding: str = "gene-tokens"
) -> token_dataset.TokenDataset:
    return _write_opened(open_observations(path), folder, fit, encoding)


def _write_opened(
    observations: CountBlocks, folder: Path, fit: str, encoding: str = "gene-tokens"
) -> token_dataset.TokenDataset:
    held_out = fold_sets.in_test_set(FOLDS, fit, observations.index["sample"])
    token_dataset.write(
        folder,
        observations,
        held_out,
        ["a", "b"],
        token_dataset.EncodingConfig(encoding, 40, 60, 3, 5, 0.2),
    )
    return token_dataset.load(folder)


@pytest.mark.parametrize("encoding", ["gene-tokens", "gene-sentence", "gene-values"])
def test_files_do_not_depend_on_the_order_of_samples_and_genes(
    tmp_path: Path, encoding: str
) -> None:
    _write(_table(tmp_path), tmp_path / "one", encoding=encoding)
    _write(_table(tmp_path, shuffle=True, name="b.h5ad"), tmp_path / "two", encoding=encoding)
    _write(_table(tmp_path, dense=True, name="c.h5ad"), tmp_path / "three", encoding=encoding)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == sorted(
        [
            "encoding.json",
            "index.tsv",
            "lengths.npy",
            "reference.npz",
            "tokens.npy",
            "values.npy",
            "vocabulary.json",
        ]
    )
    for name in names:
        for other in ("two", "three"):
            if name == "reference.npz":
                with (
                    np.load(tmp_path / "one" / name) as first,
                    np.load(tmp_path / other / name) as second,
                ):
                    assert all(np.array_equal(first[key], second[key]) for key in first.files)
            else:
                assert (tmp_path / "one" / name).read_bytes() == (
                    tmp_path / other / name
                ).read_bytes(), name


def test_threads_and_block_size_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _table(tmp_path)
    one = _write(path, tmp_path / "one", encoding="gene-values")
    monkeypatch.setattr(token_dataset, "MOST_VIEWS", 6)
    with threadpoolctl.threadpool_limits(2):
        two = _write(path, tmp_path / "two", encoding="gene-values")
    for name in ("tokens", "values", "lengths"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


def test_held_out_samples_leave_no_trace_in_vocabulary_and_reference(tmp_path: Path) -> None:
    path = _table(tmp_path)
    changed = anndata.read_h5ad(path)
    counts = changed.X.toarray()
    tested = changed.obs_names.isin(FOLDS.loc[FOLDS["fold"] == "1", "sample"])
    counts[tested] = np.random.default_rng(9).poisson(50, counts[tested].shape)
    changed.X = scipy.sparse.csr_matrix(counts)
    changed.write_h5ad(tmp_path / "changed.h5ad")
    one, two = (
        _write(source, tmp_path / name, encoding="gene-values")
        for source, name in ((path, "x"), (tmp_path / "changed.h5ad", "y"))
    )
    assert one.vocabulary == two.vocabulary
    for name in ("centre", "scale", "detected", "axes"):
        assert np.array_equal(getattr(one.reference, name), getattr(two.reference, name)), name
    training = (one.index["set"] == "train").to_numpy()
    assert np.array_equal(one.tokens[training], two.tokens[training])
    assert not np.array_equal(one.tokens[~training], two.tokens[~training])


def test_reference_is_mean_and_usual_deviation_of_the_training_samples(tmp_path: Path) -> None:
    path = _table(tmp_path)
    stored = _write(path, tmp_path / "s")
    observations = open_observations(path)
    training = np.flatnonzero((stored.index["set"] == "train").to_numpy())
    assert len(training) == 8
    _, counts = next(observations.blocks(training))
    expression = normalization.lognorm(counts, 1e6).toarray().astype(np.float64)
    kept = np.isin(observations.genes, stored.vocabulary.genes)
    assert kept.sum() == 60
    assert ((counts.toarray() > 0).sum(axis=0) >= gene_statistics.MIN_DETECTED)[kept].all()
    detected = (counts.toarray() > 0).sum(axis=0) >= gene_statistics.MIN_DETECTED
    deviation = expression[:, detected].std(axis=0, ddof=1)
    rank = expression[:, detected].mean(axis=0).argsort(kind="stable").argsort()
    half = gene_statistics.TREND_WINDOW // 2
    usual = np.array([np.median(deviation[np.abs(rank - place) <= half]) for place in rank])[
        kept[detected]
    ]
    np.testing.assert_allclose(
        stored.reference.centre, expression[:, kept].mean(axis=0), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(stored.reference.scale, usual + np.median(usual), rtol=1e-4)


def test_a_gene_with_two_states_is_among_those_that_deviate_most() -> None:
    random = np.random.default_rng(0)
    level = random.uniform(2, 8, 500)
    expression = random.normal(level, 0.3, (40, 500)).clip(0)
    expression[:, 7] = np.where(np.arange(40) % 2, 7.0, 1.0)  # as XIST over both sexes
    sums = gene_statistics.moments([scipy.sparse.csr_matrix(expression.astype(np.float32))])
    fitted = gene_statistics.fit(sums, np.arange(500), 1e6)
    deviations = np.abs(fitted.deviations(scipy.sparse.csr_matrix(expression.astype(np.float32))))
    assert (deviations.argmax(axis=1) == 7).all()


def test_axes_are_those_of_the_training_deviations(tmp_path: Path) -> None:
    stored = _write(_table(tmp_path), tmp_path / "s", encoding="gene-values")
    axes = stored.reference.axes
    np.testing.assert_allclose(axes @ axes.T, np.eye(len(axes)), atol=1e-3)
    assert np.all(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)] > 0)


def test_genes_are_never_case_folded(tmp_path: Path) -> None:
    observations = open_observations(_table(tmp_path))
    recipe = token_dataset.EncodingConfig("gene-tokens", 40, 1000, 1, 5)
    wanted = token_dataset.wanted(recipe, ["a", "b"])
    vocabulary, _ = token_dataset.fit(observations, np.arange(12), wanted)
    assert {"Gene006", "gene006"} <= set(vocabulary.genes)


def test_final_holds_nothing_out_and_needs_no_folds() -> None:
    assert not fold_sets.in_test_set(FOLDS.iloc[:0], "final", pd.Series(SAMPLES)).any()


def test_a_sample_without_fold_and_an_unknown_fold_are_refused() -> None:
    with pytest.raises(InputError, match="S99"):
        fold_sets.in_test_set(FOLDS, "repeat0/fold0", pd.Series([*SAMPLES, "S99"]))
    with pytest.raises(InputError, match="fold7"):
        fold_sets.in_test_set(FOLDS, "repeat0/fold7", pd.Series(SAMPLES))


def test_the_vocabulary_takes_the_genes_that_vary_beyond_what_is_usual_at_their_mean() -> None:
    generator = np.random.default_rng(0)
    means = np.sort(generator.uniform(1, 9, 1000))
    values = means + generator.normal(size=(20, 1000)) * (0.5 + 2 / means)
    lively = np.array([3, 400, 998])
    values[:, lively] += generator.normal(size=(20, 3)) * 6
    sums = gene_statistics.moments(
        [scipy.sparse.csr_matrix(values[:9]), scipy.sparse.csr_matrix(values[9:])]
    )
    assert gene_statistics.vocabulary_columns(sums, 3).tolist() == lively.tolist()
    assert gene_statistics.vocabulary_columns(sums, 5000).tolist() == list(range(1000))


def test_a_gene_that_the_table_lacks_is_never_shown(tmp_path: Path) -> None:
    path = _table(tmp_path)
    stored = _write(path, tmp_path / "s")
    smaller = anndata.read_h5ad(path)[:, 20:].copy()
    smaller.write_h5ad(tmp_path / "smaller.h5ad")
    observations = open_observations(tmp_path / "smaller.h5ad")
    lost = {
        number
        for number, gene in enumerate(stored.vocabulary.genes)
        if gene not in set(observations.genes)
    }
    assert lost
    for _, _, encoded in token_dataset.encode(
        observations, np.arange(12), stored.vocabulary, stored.reference, stored.recipe
    ):
        assert not lost & set((encoded.tokens[encoded.tokens > 1] - 2).tolist())


def test_blocks_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    path = _table(tmp_path, shuffle=True)
    observations = open_observations(path)
    table = anndata.read_h5ad(path)
    wanted = np.array([7, 1, 11, 0, 2])
    read = np.concatenate([counts.toarray() for _, counts in observations.blocks(wanted, 2)])
    expected = table[
        observations.index["observation"].to_numpy()[wanted], observations.genes
    ].X.toarray()
    assert np.array_equal(read, expected)


def test_views_are_drawn_once_for_all_fits_and_are_those_of_a_fit_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, thinned = [], augmentation.thinned
    monkeypatch.setattr(
        augmentation, "thinned", lambda *given: drawn.append(given[2]) or thinned(*given)
    )
    path = _table(tmp_path)
    observations = open_observations(path)
    _write_opened(observations, tmp_path / "first", "repeat0/fold0")
    assert drawn == [0, 1, 2]
    relabelled = replace(observations, index=observations.index.assign(label="a"))
    _write_opened(relabelled, tmp_path / "after", "repeat0/fold1")
    assert drawn == [0, 1, 2]
    _write_opened(
        replace(open_observations(path), index=relabelled.index),
        tmp_path / "alone",
        "repeat0/fold1",
    )
    assert drawn == [0, 1, 2] * 2
    for written in (tmp_path / "alone").iterdir():
        assert written.read_bytes() == (tmp_path / "after" / written.name).read_bytes()


def test_a_store_of_an_older_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "encoding.json").write_text(
        '{"encoding": "gene-tokens", "max_genes": 4, "vocabulary_genes": 9, "views": 1, "seed": 1}'
    )
    with pytest.raises(InputError, match="no 'gene_dropout'") as refusal:
        token_dataset.load(tmp_path)
    assert refusal.value.where == str(tmp_path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        open_observations(tmp_path / "none.h5ad")


def test_doubled_observation_is_refused(tmp_path: Path) -> None:
    data = anndata.read_h5ad(_table(tmp_path))
    data.obs_names = ["S00", *data.obs_names[:-1]]
    data.write_h5ad(tmp_path / "twice.h5ad")
    with pytest.raises(InputError, match="'S00' twice"):
        open_observations(tmp_path / "twice.h5ad")
