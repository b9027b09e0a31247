"""Series as shards: one gene space, nothing touched that is there, copies of what is tested found
under any name."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from epigpt.config.corpus_table import CorpusRow
from epigpt.corpus import copies, selection, shards, sources
from epigpt.corpus.components import over_series
from epigpt.corpus.store import open_store
from epigpt.encoding.token_dataset import EncodingConfig
from epigpt.errors import InputError
from epigpt.simulation.design import FAMILIES
from epigpt.simulation.simulate import simulate

RECIPE = EncodingConfig("gene-values", 32, 400, 2, 1, 0.5, "deviation")
SETTINGS = {
    "allow_values": ["estimated_counts"],
    "geo.max_unpacked_gb": 1,
    "quality.min_counts": "auto",
    "quality.min_genes": "auto",
    "quality.max_mitochondrial_percent": "auto",
}
DESIGN = replace(FAMILIES["shared"].design, groups=8, genes=1600)


def counts(seed: int, prefix: str = "S") -> anndata.AnnData:
    drawn = simulate(seed, DESIGN)
    names = [f"{prefix}{number}" for number in range(drawn.counts.shape[1])]
    genes = drawn.counts.index.astype(str)
    return anndata.AnnData(
        scipy.sparse.csr_matrix(drawn.counts.T.to_numpy()),
        obs=pd.DataFrame({"sample": names}, index=names),
        var=pd.DataFrame({"symbol": genes}, index=genes),
        uns={"assay": "bulk", "organism": "mouse"},
    )


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


def archs4(path: Path, series: list[str]) -> None:
    drawn = simulate(3, DESIGN).counts
    with h5py.File(path, "w") as file:
        file["data/expression"] = drawn.to_numpy()
        file["meta/genes/symbol"] = drawn.index.astype(str).to_numpy().astype(bytes)
        accessions = [f"GSM{number}".encode() for number in range(drawn.shape[1])]
        file["meta/samples/geo_accession"] = accessions
        file["meta/samples/series_id"] = [name.encode() for name in series]
        file["meta/samples/organism_ch1"] = [b"Mus musculus"] * drawn.shape[1]


def test_one_file_with_many_series(tmp_path: Path) -> None:
    path = tmp_path / "archs4.h5"
    archs4(path, ["GSE5,GSE99"] * 4 + ["GSE6"] * 3 + ["GSE7"])
    row = CorpusRow("archs4", str(path))
    found = {one.name: one for one in sources.read(row, [path], SETTINGS)}
    assert found["GSE5"].counts.shape[0] == 4
    assert found["GSE5"].related == {"GSE5", "GSE99"}
    assert found["GSE5"].counts.uns["organism"] == "mouse"
    drawn = simulate(3, DESIGN).counts
    gene = found["GSE6"].counts.var_names[found["GSE6"].counts.var["symbol"] == "Snap25"]
    if len(gene):
        stored = np.asarray(found["GSE6"].counts[:, gene].X.todense()).ravel()
        assert stored.tolist() == drawn.loc["Snap25"].iloc[4:7].tolist()
    assert int(found["GSE6"].counts.X.sum()) == int(drawn.iloc[:, 4:7].to_numpy().sum())
    assert found["GSE7"].counts is None
    assert "fewer than 3" in found["GSE7"].reason


def test_a_file_laid_out_otherwise_is_skipped_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["matrix"] = np.zeros((3, 3))
    (found,) = sources.read(CorpusRow("other", str(path)), [path], SETTINGS)
    assert found.counts is None
    assert "ARCHS4" in found.reason


RUN_LIST = (
    "SRR_accession\tQC_summary\tSRX_accession\tSRS_accession\tSRP_accession\tExperiment_title"
    "\tGEO_series\n"
)


def dee2(path: Path, genes_first: bool) -> pd.DataFrame:
    """A dump of three series: of GEO with two runs for its first sample, of no series of GEO, and
    one that the list does not know."""
    drawn = simulate(3, DESIGN).counts
    drawn.columns = [f"SRR{number}" for number in range(drawn.shape[1])]
    with h5py.File(path, "w") as file:
        file["bigmatrix"] = drawn.to_numpy() if genes_first else drawn.T.to_numpy()
        file["rownames"] = [name.encode() for name in drawn.columns]
        file["colnames"] = [name.encode() for name in drawn.index]
    lines = [
        f"SRR{run}\tPASS\tSRX{run}\tSRS1\tSRP1\tGSM{max(run, 1)}: a mouse\tGSE1" for run in range(4)
    ]
    lines += [f"SRR{run}\tPASS\tSRX{run}\tSRS2\tSRP2\ta mouse\t" for run in range(4, 7)]
    path.with_suffix(".tsv").write_text(RUN_LIST + "\n".join(lines) + "\n")
    return drawn


@pytest.mark.parametrize("genes_first", [True, False])
def test_a_dump_of_dee2_with_its_list_of_runs(tmp_path: Path, genes_first: bool) -> None:
    path = tmp_path / "mmusculus_se.h5"
    drawn = dee2(path, genes_first)
    row = CorpusRow("dee2", str(path), samples=str(path.with_suffix(".tsv")), organism="mouse")
    found = {
        one.name: one for one in sources.read(row, [Path(one) for one in row.inputs], SETTINGS)
    }
    assert set(found) == {"GSE1", "SRP2"}
    assert found["GSE1"].counts.obs_names.tolist() == ["GSM1", "GSM2", "GSM3"]
    assert found["GSE1"].related == {"GSE1", "SRP1"}
    sums = np.asarray(found["GSE1"].counts.X.sum(axis=1)).ravel()
    assert sums.tolist() == [drawn.iloc[:, :2].to_numpy().sum(), *drawn.iloc[:, 2:4].sum()]
    assert found["SRP2"].counts.obs_names.tolist() == ["SRX4", "SRX5", "SRX6"]
    # Without the list nothing says what belongs together; the reason says what to fetch.
    (alone,) = sources.read(replace(row, samples=""), [path], SETTINGS)
    assert "without the list of its runs" in alone.reason


def test_studies_of_recount3_become_counts_of_reads(tmp_path: Path) -> None:
    drawn = simulate(3, DESIGN).counts.iloc[:, :5]
    drawn.columns = [f"SRR{number}" for number in range(5)]
    length = np.array([50, 75, 100, 150.5, 0])
    summed = (drawn * length).round().astype(int)
    head = "##annotation=M023\n##date.generated=2020-09-09\n"
    for study in ("SRP7", "SRP8"):
        with gzip.open(tmp_path / f"sra.gene_sums.{study}.M023.gz", "wt") as file:
            file.write(head + summed.to_csv(sep="\t", index_label="gene_id"))
    quality = pd.DataFrame({"rail_id": range(5), "external_id": drawn.columns, "study": "SRP7"})
    quality["star.average_mapped_length"] = length
    quality.to_csv(tmp_path / "sra.recount_qc.SRP7.MD.gz", sep="\t", index=False)
    titles = [f"GSM{number}: a mouse; Mus musculus; RNA-Seq" for number in range(5)]
    described = quality[["rail_id", "external_id", "study"]].assign(experiment_title=titles)
    described.to_csv(tmp_path / "sra.sra.SRP7.MD.gz", sep="\t", index=False)
    row = CorpusRow("recount3", str(tmp_path), organism="mouse")
    found = {
        one.name: one for one in sources.read(row, [Path(one) for one in row.inputs], SETTINGS)
    }
    counts = found["SRP7"].counts
    # A run of which no read was mapped is left out.
    assert counts.obs_names.tolist() == ["GSM0", "GSM1", "GSM2", "GSM3"]
    assert np.asarray(counts.X.sum(axis=1)).ravel().tolist() == drawn.iloc[:, :4].sum().tolist()
    assert "recount_qc of SRP8" in found["SRP8"].reason


def test_a_folder_is_a_series_each_and_a_bad_file_keeps_none_out(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in (1, 2):
        counts(number, f"c{number}_").write_h5ad(folder / f"series{number}.h5ad")
    (folder / "broken.h5ad").write_bytes(b"no HDF5")
    row = CorpusRow("many", str(folder))
    found = {
        one.name: one for one in sources.read(row, [Path(path) for path in row.inputs], SETTINGS)
    }
    assert set(found) == {"series1", "series2", "broken"}
    assert found["broken"].reason
    assert found["series1"].counts.shape[0] == 8
    described = json.dumps(found["broken"].reason)
    assert "\\n" not in described
