"""What a refusal of a matrix tells to do is done, and it works."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from epigpt.config.dataset_row import Row
from epigpt.dataset.reading import read_dataset
from epigpt.errors import InputError
from epigpt.matrices.streams import Budget
from geo_series import GENES, Made, table
from mouse_series import COUNTS, ENSEMBL, TEXT, TITLES, packed, samples


class Series:
    """A series laid out in a folder; `read` reads it as its row says."""

    def __init__(self, folder: Path, files: Mapping[str, str | bytes], made: Made | None = None):
        self.folder = folder
        self.home = (made or Made("GSE1", samples())).write(folder, files)

    def read(self, **cells: str) -> tuple[pd.DataFrame, ad.AnnData]:
        paths = [
            path for kind in ("soft", "suppl") for path in sorted((self.home / kind).glob("*"))
        ]
        row = replace(Row("a", "GSE1", label="genotype"), **cells)
        sample_map = Path(row.sample_map) if row.sample_map else None
        shown, adata, _ = read_dataset(
            row, paths, frozenset({"estimated_counts"}), Budget(1e9), sample_map=sample_map
        )
        return shown, adata

    def refused(self, found: str, **cells: str) -> InputError:
        with pytest.raises(InputError) as refusal:
            self.read(**cells)
        assert found in str(refusal.value)
        return refusal.value


def as_a_table_with_a_sheet(folder: Path, text: str = TEXT) -> ad.AnnData:
    """Do what "give the counts as a table with a sample sheet (cells `source` and `samples`)"
    says."""
    (folder / "own.tsv").write_text(text)
    columns = text.split("\n", 1)[0].split("\t")[1:]
    lines = ["sample\tgenotype", *(f"{name}\t{name[:2]}" for name in columns)]
    (folder / "sheet.tsv").write_text("\n".join(lines) + "\n")
    row = Row("a", str(folder / "own.tsv"), str(folder / "sheet.tsv"), label="genotype")
    files = [folder / "own.tsv", folder / "sheet.tsv"]
    adata = read_dataset(row, files, frozenset(), Budget(1e9))[1]
    np.testing.assert_array_equal(adata[TITLES, GENES].X.toarray(), COUNTS.T)
    return adata


OWN_TABLE = {
    "no file": ({}, "no file that could hold a matrix"),
    "an old workbook": (
        {"GSE1_counts.xls": b"\xd0\xcf\x11\xe0" + bytes(600)},
        "an old Excel workbook",
    ),
    "no table": ({"GSE1_counts.txt.gz": "nothing here\n"}, "no expression matrix"),
    "a web page": ({"GSE1_counts.txt.gz": "<!doctype html>\n<p>x\ty</p>\n"}, "it is a web page"),
    "columns that say nothing": (
        {
            "GSE1_RAW.tar": packed(
                {
                    f"GSM{n}_x.txt": (
                        "gene\tleft\tright\n" + "".join(f"{g}\t1\t2\n" for g in GENES)
                    ).encode()
                    for n in range(1, 9)
                }
            )
        },
        "it is unclear which of them holds the sample's counts",
    ),
    "a sample twice": (
        {"GSE1_counts.txt.gz": table([*TITLES, "WT1"], np.hstack([COUNTS, COUNTS[:, :1]]))},
        "WT1",
    ),
    "no genes": (
        {"GSE1_counts.txt.gz": table(TITLES, COUNTS, genes=[f"a thing, {n}" for n in range(40)])},
        "neither its rows nor its columns are named like genes",
    ),
}


@pytest.mark.parametrize("case", OWN_TABLE)
def test_a_table_with_a_sheet_is_the_way_out(tmp_path, case):
    files, found = OWN_TABLE[case]
    refusal = Series(tmp_path, files).refused(found)
    assert "sample sheet" in refusal.remedy
    as_a_table_with_a_sheet(tmp_path)


def test_a_pattern_that_names_nothing_lists_names_that_work(tmp_path):
    series = Series(tmp_path, {"GSE1_counts.txt.gz": TEXT})
    refusal = series.refused("no file has such a name", matrix="*.h5")
    listed = refusal.why.rpartition(": ")[2].split(", ")
    _, adata = series.read(matrix=listed[0])
    assert adata.n_obs == 8


def test_genes_of_another_species_name_the_cell_that_lets_them_in(tmp_path):
    human = [name.replace("MUSG", "G") for name in ENSEMBL]
    series = Series(tmp_path, {"GSE1_counts.txt.gz": table(TITLES, COUNTS, genes=human)})
    refusal = series.refused("genes of human, not of mouse")
    organism = refusal.remedy.rpartition(" ")[2]
    # The record's samples are mice: the row's word counts more.
    _, adata = series.read(organism=organism, include="genotype=WT|KO;organism=Mus musculus")
    assert adata.shape == (8, len(GENES))


def test_two_species_in_two_files_need_the_organism_alone(tmp_path):
    human = [
        replace(one, accession=f"GSM{place + 101}", title=f"h{one.title}", organism="Homo sapiens")
        for place, one in enumerate(samples())
    ]
    ids = [name.replace("MUSG", "G") for name in ENSEMBL]
    files = {
        "GSE1_mouse.txt.gz": table(TITLES, COUNTS, genes=ENSEMBL),
        "GSE1_human.txt.gz": table([f"h{title}" for title in TITLES], COUNTS + 1, genes=ids),
    }
    series = Series(tmp_path, files, Made("GSE1", [*samples(), *human]))
    refusal = series.refused("matrices of 2 species")
    chosen = re.search(r"`organism` to (\w+)", refusal.remedy)
    assert chosen
    _, adata = series.read(organism=chosen[1])
    assert adata.shape == (8, len(GENES))
    assert len({name[:7] for name in adata.var_names}) == 1


def test_columns_that_are_neither_cells_nor_lanes_take_the_cell_assay(tmp_path):
    columns = [f"{title}_{part}" for title in TITLES for part in ("left", "middle", "right")]
    titled = [replace(one, title=one.title) for one in samples()]
    series = Series(
        tmp_path,
        {"GSE1_counts.txt.gz": table(columns, np.repeat(COUNTS, 3, axis=1))},
        Made("GSE1", titled),
    )
    refusal = series.refused("several columns of one sample")
    assert "`assay` to bulk" in refusal.remedy
    _, adata = series.read(assay="bulk")
    np.testing.assert_array_equal(adata[:, GENES].X.toarray(), 3 * COUNTS.T)
    _, adata = series.read(assay="single_cell")
    assert adata.n_obs == 24


def test_a_sparse_matrix_without_names_becomes_an_h5ad_file(tmp_path):
    head = f"%%MatrixMarket matrix coordinate integer general\n{len(GENES)} 2 1\n1 1 5\n"
    series = Series(
        tmp_path, {"GSE1_matrix.mtx.gz": head, "GSE1_features.tsv.gz": "\n".join(GENES)}
    )
    refusal = series.refused("without its file of barcodes")
    assert ".h5ad file (cell `source`)" in refusal.remedy
    made = ad.AnnData(
        sparse.csr_matrix(COUNTS.T.astype(np.float32)),
        obs=pd.DataFrame({"genotype": [title[:2] for title in TITLES]}, index=TITLES),
        var=pd.DataFrame(index=GENES),
    )
    made.write_h5ad(tmp_path / "own.h5ad")
    row = Row("a", str(tmp_path / "own.h5ad"), label="genotype")
    adata = read_dataset(row, [tmp_path / "own.h5ad"], frozenset(), Budget(1e9))[1]
    np.testing.assert_array_equal(adata[TITLES, GENES].X.toarray(), COUNTS.T)


def test_a_wrong_table_of_transcripts_is_named(tmp_path):
    ids = [f"ENSMUST{number:011d}" for number in range(len(GENES))]
    home = Made("GSE1", samples()).write(
        tmp_path, {"GSE1_counts.txt.gz": table(TITLES, COUNTS, genes=ids)}
    )
    paths = [path for kind in ("soft", "suppl") for path in sorted((home / kind).glob("*"))]
    wrong = tmp_path / "wrong.tsv"
    wrong.write_text("a\tb\n" + "".join(f"{n}\t{n}\n" for n in range(9)))
    row = Row("a", "GSE1", label="genotype")
    for given, told in (
        (wrong, "no table of transcripts and genes"),
        (tmp_path / "no.tsv", "no such file"),
    ):
        with pytest.raises(InputError, match=told) as refusal:
            read_dataset(row, paths, frozenset(), Budget(1e9), transcripts=given)
        assert "`transcripts`" in f"{refusal.value.where}{refusal.value.remedy}"
    wrong.write_text(
        "tx\tsymbol\n" + "".join(f"{one}.1\t{gene}\n" for one, gene in zip(ids, GENES, strict=True))
    )
    adata = read_dataset(row, paths, frozenset(), Budget(1e9), transcripts=wrong)[1]
    np.testing.assert_array_equal(adata[:, GENES].X.toarray(), COUNTS.T)


@pytest.mark.slow
def test_cells_of_a_seurat_object_find_their_samples_by_a_map(shared, tmp_path):
    mirror = shared / "cases/geo/s01_seurat/mirror/series/GSE300nnn/GSE300500"
    paths = [mirror / "soft" / "GSE300500_family.soft.gz"]
    paths += [mirror / "suppl" / "GSE300500_seurat_object.rds.gz"]
    with pytest.raises(InputError, match="barcodes do not say") as refusal:
        read_dataset(Row("x", "GSE300500"), paths, frozenset(), Budget(1e9))
    assert "`sample_map`" in refusal.value.remedy
    barcodes = re.findall(r"^\s*([ACGT]{14})\t", str(refusal.value), re.MULTILINE)
    assert barcodes
    template = getattr(refusal.value, "template", "")
    every = re.findall(r"^([ACGT]{14})\t", template, re.MULTILINE) or barcodes
    lines = [f"{name}\tGSM{9600000 + place % 6}" for place, name in enumerate(every)]
    known = tmp_path / "map.tsv"
    known.write_text("column\tsample\n" + "\n".join(lines) + "\n")
    shown, adata, reading = read_dataset(
        Row("x", "GSE300500"), paths, frozenset(), Budget(1e9), sample_map=known
    )
    assert reading["assay"] == "single_cell"
    assert adata.n_obs == len(every)
    assert len(shown) == 6
