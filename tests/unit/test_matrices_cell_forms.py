"""Series of single cells in the forms that laboratories deposit: how the parts of a sparse matrix
are named, what else lies beside it, and where the sample of a cell is written."""

import gzip
import io
from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import xarray
from scipy import io as scipy_io
from scipy import sparse

import mouse_series
from epigpt.config.dataset_row import Row
from epigpt.dataset.reading import read_dataset
from epigpt.matrices import r_classes, r_objects
from epigpt.matrices.streams import Budget
from epigpt.matrices.unmatched import UnmatchedColumns
from epigpt.matrices.values import Values
from geo_series import GENES, Made, Sample
from mouse_records import read, refused, row

SAMPLES = [
    Sample(
        f"GSM{700 + place}",
        f"{group} hippocampus rep{number}",
        (f"genotype: {group}",),
        lines={"library_source": "transcriptomic single cell"},
    )
    for place, (group, number) in enumerate((g, n) for g in ("WT", "KO") for n in (1, 2, 3))
]
NAMES = [sample.accession for sample in SAMPLES]
TITLES = [sample.title.replace(" ", "_") for sample in SAMPLES]
CELLS = 20
COUNTS = [
    np.random.default_rng(seed).poisson(1.2, size=(CELLS, len(GENES))) + (seed % 3)
    for seed in range(len(SAMPLES))
]
BARCODES = [
    ["".join(np.random.default_rng(90 * s + n).choice(list("ACGT"), 16)) for n in range(CELLS)]
    for s in range(len(SAMPLES))
]
EVERY = range(len(SAMPLES))
FEATURES = "".join(f"{gene}\t{gene}\tGene Expression\n" for gene in GENES)
ALL = np.vstack(COUNTS)
OWNERS = np.repeat(EVERY, CELLS)
SUFFIXED = [f"{code}-{s + 1}" for s in EVERY for code in BARCODES[s]]


def mtx(cells_by_genes: np.ndarray) -> bytes:
    content = io.BytesIO()
    scipy_io.mmwrite(content, sparse.coo_matrix(cells_by_genes.T), field="integer")
    return gzip.compress(content.getvalue(), mtime=0)


def packed(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def parts(sample: int, order: np.ndarray | None = None) -> dict[str, bytes]:
    genes = np.arange(len(GENES)) if order is None else order
    return {
        "matrix.mtx.gz": mtx(COUNTS[sample][:, genes]),
        "barcodes.tsv.gz": packed("".join(f"{code}-1\n" for code in BARCODES[sample])),
        "features.tsv.gz": packed("".join(f"{GENES[at]}\t{GENES[at]}\n" for at in genes)),
    }


def archive(members: Mapping[str, bytes]) -> dict[str, bytes]:
    return {"GSE9_RAW.tar": mouse_series.packed(members)}


def of_each(name: Callable[[int, str], str]) -> dict[str, bytes]:
    return archive({name(s, part): data for s in EVERY for part, data in parts(s).items()})


def reads(tmp_path, files: Mapping[str, bytes], **cells: str):
    folder = Made("GSE9", SAMPLES).write(tmp_path, files)
    return read(folder, row("GSE9", label="genotype", **cells))


def assert_right(adata: ad.AnnData) -> None:
    symbols = adata.var["symbol"].astype(str).tolist()
    at = [symbols.index(gene) for gene in GENES]
    assert sorted(set(adata.obs["sample"])) == NAMES
    for s in EVERY:
        own = adata.X[(adata.obs["sample"] == NAMES[s]).to_numpy()]
        assert own.shape[0] == CELLS
        assert np.asarray(own.sum(axis=0)).ravel()[at].tolist() == COUNTS[s].sum(axis=0).tolist()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        lambda s, part: f"{NAMES[s]}_{part.split('.')[0]}_{TITLES[s]}.{part.split('.', 1)[1]}",
        lambda s, part: f"{NAMES[s]}_{TITLES[s]}_Tcells_{part}",
        lambda s, part: f"{NAMES[s]}_T_cells_{TITLES[s]}_{part}",
        lambda s, part: f"{NAMES[s]}_{TITLES[s]}_all_genes_{part}",
        lambda s, part: f"{NAMES[s]}_{TITLES[s]}_sorted_cells.{part}",
        lambda s, part: f"{NAMES[s]}_{TITLES[s]}_counts_{part}",
    ],
)
def test_parts_are_put_together_whatever_else_their_names_say(tmp_path, name):
    assert_right(reads(tmp_path, of_each(name))[1])


def test_names_that_r_wrote_with_the_numbers_of_their_rows(tmp_path):
    members = {}
    for s in EVERY:
        cells = "".join(f'"{n}","{code}"\n' for n, code in enumerate(BARCODES[s], 1))
        genes = "".join(f'"{n}","{gene}"\n' for n, gene in enumerate(GENES, 1))
        members[f"{NAMES[s]}_matrix.mtx.gz"] = mtx(COUNTS[s])
        members[f"{NAMES[s]}_barcodes.csv.gz"] = packed(f'"","x"\n{cells}')
        members[f"{NAMES[s]}_genes.csv.gz"] = packed(genes)
    assert_right(reads(tmp_path, archive(members))[1])


def test_called_cells_come_before_all_droplets(tmp_path):
    members = {}
    for s in EVERY:
        droplets = np.vstack([COUNTS[s], np.eye(30, len(GENES), dtype=int)])
        more = [f"{code[::-1]}-1\n" for code in BARCODES[s]] + [
            f"AC{n:014d}-1\n" for n in range(10)
        ]
        for part, data in parts(s).items():
            members[f"{NAMES[s]}_filtered_{part}"] = members[f"{NAMES[s]}_raw_{part}"] = data
        members[f"{NAMES[s]}_raw_matrix.mtx.gz"] = mtx(droplets)
        cells = "".join(f"{code}-1\n" for code in BARCODES[s]) + "".join(more)
        members[f"{NAMES[s]}_raw_barcodes.tsv.gz"] = packed(cells)
    _, adata, reading = reads(tmp_path, archive(members))
    assert_right(adata)
    assert any("all droplets" in one["reason"] for one in reading["refused"])


def of_spliced() -> dict[str, bytes]:
    members = {}
    for s in EVERY:
        for part, data in parts(s).items():
            members[f"{NAMES[s]}_{part.replace('matrix', 'spliced')}"] = data
        members[f"{NAMES[s]}_unspliced.mtx.gz"] = mtx(COUNTS[s] // 2 + 1)
    return archive(members)


def test_matrices_of_one_sample_share_its_names(tmp_path):
    refused(lambda: reads(tmp_path, of_spliced()), "`*_spliced` or `*_unspliced`")
    assert_right(reads(tmp_path, of_spliced(), matrix="*_spliced")[1])


def together(barcodes: list[str], **more: str) -> dict[str, bytes]:
    return {
        "GSE9_matrix.mtx.gz": mtx(ALL),
        "GSE9_barcodes.tsv.gz": packed("\n".join(barcodes) + "\n"),
        "GSE9_features.tsv.gz": packed(FEATURES),
        **{name: packed(text) for name, text in more.items()},
    }


def described() -> pd.DataFrame:
    kinds = ["Neuron", "Astrocyte"] * (len(SUFFIXED) // 2)
    owners = [SAMPLES[s].title for s in OWNERS]
    return pd.DataFrame({"orig.ident": owners, "cell_type": kinds}, index=SUFFIXED)


def test_a_table_of_the_cells_has_an_order_of_its_own(tmp_path):
    text = described().sample(frac=1, random_state=1).to_csv()
    _, adata, _ = reads(tmp_path, together(SUFFIXED, **{"GSE9_cell_metadata.csv.gz": text}))
    assert_right(adata)
    known = dict(zip(SUFFIXED, described()["cell_type"], strict=True))
    cells = [name[-18:] for name in adata.obs_names]
    assert adata.obs["cell_type"].tolist() == [known[name] for name in cells]


@pytest.mark.parametrize("named", [NAMES, TITLES])
def test_suffixes_are_the_rows_of_the_list_of_libraries(tmp_path, named):
    listed = "".join(f"{name},/outs/{name}/molecule_info.h5\n" for name in named)
    files = together(SUFFIXED, **{"GSE9_aggr.csv.gz": f"sample_id,molecule_h5\n{listed}"})
    _, adata, reading = reads(tmp_path, files)
    assert_right(adata)
    assert "the row of GSE9_aggr.csv.gz" in reading["matched_by"]


def test_a_list_of_fewer_libraries_is_not_believed(tmp_path):
    files = together(SUFFIXED, **{"GSE9_aggr.csv.gz": f"sample_id,molecule_h5\n{NAMES[0]},x\n"})
    refused(lambda: reads(tmp_path, files), "barcodes do not say", "sample_map", "*-1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"), [("", "-{}"), ("", "-1_{}"), ("lib{}_", "-1"), ("S{}:", "x"), ("{}.", "")]
)
def test_the_table_of_columns_names_what_differs_around_the_barcodes(tmp_path, before, after):
    cells = [
        f"{before}{BARCODES[s][n]}{after}".format(s + 1, s + 1) for s in EVERY for n in range(CELLS)
    ]
    folder = Made("GSE9", SAMPLES).write(tmp_path, together(cells))
    files = [path for kind in ("soft", "suppl") for path in sorted((folder / kind).glob("*"))]
    read_in = partial(read_dataset, Row("a", "GSE9"), files, frozenset(), Budget(1e9))
    with pytest.raises(UnmatchedColumns) as refusal:
        read_in()
    rows = [line for line in refusal.value.template.splitlines() if not line.startswith("#")]
    assert len(rows) == 1 + len(SAMPLES)
    filled = [rows[0], *(f"{line}{name}" for line, name in zip(rows[1:], NAMES, strict=True))]
    (tmp_path / "map.tsv").write_text("\n".join(filled) + "\n")
    assert_right(read_in(sample_map=tmp_path / "map.tsv")[1])


@pytest.mark.parametrize("cells_in_rows", [True, False])
def test_a_table_of_counts_that_names_samples_and_kinds_itself(tmp_path, cells_in_rows):
    whole = pd.concat([described(), pd.DataFrame(ALL, index=SUFFIXED, columns=GENES)], axis=1)
    text = whole.to_csv() if cells_in_rows else whole.T.to_csv()
    _, adata, reading = reads(tmp_path, {"GSE9_counts.csv.gz": packed(text)})
    assert_right(adata)
    assert set(adata.obs["cell_type"]) == {"Neuron", "Astrocyte"}
    assert "orig.ident" in reading["matched_by"]


def test_genes_named_in_a_column_of_var(tmp_path):
    numbered = pd.DataFrame({"gene_ids": GENES}, index=[str(at) for at in range(len(GENES))])
    data = ad.AnnData(sparse.csr_matrix(ALL).astype(np.float32), described(), numbered)
    data.write_h5ad(tmp_path / "all.h5ad")
    _, adata, _ = reads(tmp_path, {"GSE9_all.h5ad": (tmp_path / "all.h5ad").read_bytes()})
    assert_right(adata)


def test_lists_of_two_annotations_leave_no_gene_that_tells_the_classes_apart(tmp_path):
    members = {}
    for s in EVERY:
        order = np.arange(len(GENES) if s < 3 else 25)
        members |= {f"{NAMES[s]}_{part}": data for part, data in parts(s, order).items()}
    _, adata, reading = reads(tmp_path, archive(members))
    assert adata.n_vars == 25
    assert "are left out" in str(reading)


def test_a_sample_of_few_cells_may_lack_genes_that_many_cells_show(tmp_path):
    members, kept = {}, {}
    for s in EVERY:
        shown = COUNTS[s][: 1 if s == 0 else CELLS]
        seen = np.flatnonzero(shown.any(axis=0))
        table = pd.DataFrame(
            shown[:, seen].T, [GENES[at] for at in seen], BARCODES[s][: len(shown)]
        )
        members[f"{NAMES[s]}_dge.txt.gz"] = packed(table.to_csv(sep="\t", index_label="GENE"))
        kept[NAMES[s]] = shown.sum()
    assert len(np.flatnonzero(COUNTS[0][:1].any(axis=0))) < len(GENES) - 5
    _, adata, _ = reads(tmp_path, archive(members))
    sums = {name: adata[(adata.obs["sample"] == name).to_numpy()].X.sum() for name in NAMES}
    assert sums == kept


def r_sparse(genes_by_cells: np.ndarray, names: list[list[str]] | None) -> SimpleNamespace:
    columns = sparse.csc_array(genes_by_cells)
    parts = {"x": columns.data.astype(float), "i": columns.indices, "p": columns.indptr}
    return SimpleNamespace(**parts, Dim=list(columns.shape), Dimnames=names or [None, None])


def r_map(names: list[str], **layers: np.ndarray) -> xarray.DataArray:
    inside = np.stack(list(layers.values()), axis=1)
    return xarray.DataArray(inside, coords=[("names", names), ("layers", list(layers))])


def of_r(item: object) -> list[tuple[str, Values, pd.DataFrame]]:
    return list(
        r_classes.matrices(item, lambda *args: r_objects._named_values(*args, "x"))  # type: ignore[arg-type]
    )


def test_layers_that_seurat_split_by_sample_are_one_matrix() -> None:
    layers = {f"counts.{s + 1}": r_sparse(COUNTS[s].T, None) for s in EVERY}
    inside = {f"counts.{s + 1}": s == OWNERS for s in EVERY}
    every = {name: np.ones(len(GENES), dtype=bool) for name in layers}
    assay = SimpleNamespace(
        layers=layers, cells=r_map(SUFFIXED, **inside), features=r_map(GENES, **every)
    )
    shuffled = described().sample(frac=1, random_state=2)
    named = {"class": np.array(["Seurat"]), "active.assay": np.array(["RNA"])}
    seurat = SimpleNamespace(**named, **{"meta.data": shuffled}, assays={"RNA": assay})
    ((name, values, cells),) = of_r(seurat)
    assert (name, values.observations) == ("RNA/counts", SUFFIXED)
    np.testing.assert_array_equal(values.matrix.toarray(), ALL)
    assert cells["orig.ident"].tolist() == described()["orig.ident"].tolist()


def test_a_data_frame_beside_a_matrix_of_r_describes_its_cells() -> None:
    shuffled = described().sample(frac=1, random_state=2)
    counts = r_sparse(ALL.T, [GENES, SUFFIXED])
    ((_, values, cells),) = of_r({"counts": counts, "meta": shuffled})
    assert values.observations == cells.index.tolist() == SUFFIXED
    assert cells["cell_type"].tolist() == described()["cell_type"].tolist()
    assert r_classes.table_of(SUFFIXED, {"fewer": shuffled.iloc[:9]}).empty
