"""Kinds of files that public series come in, small ones made here: axes, rows that are no genes,
blocks of columns, lanes, files that belong together."""

import bz2
import gzip
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from epigpt.config.dataset_row import Row
from epigpt.dataset.reading import read_dataset
from epigpt.errors import InputError
from epigpt.genes import row_kinds
from epigpt.matrices.streams import Budget
from geo_series import GENES, Made, table
from mouse_series import (
    COUNTS,
    ENSEMBL,
    TEXT,
    TITLES,
    assert_right,
    lines_of,
    packed,
    read,
    samples,
)

ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "UTF-16 with a mark": lambda text: text.encode("utf-16"),
    "UTF-16 big-endian without a mark": lambda text: text.encode("utf-16-be"),
    "UTF-16 with Windows' line ends": lambda text: text.replace("\n", "\r\n").encode("utf-16-le"),
    "bare carriage returns": lambda text: text.replace("\n", "\r").encode(),
    "UTF-16 with bare carriage returns": lambda text: text.replace("\n", "\r").encode("utf-16"),
    "gzip in gzip": lambda text: gzip.compress(gzip.compress(text.encode())),
    "bzip2 in gzip": lambda text: gzip.compress(bz2.compress(text.encode())),
    "a byte-order mark of UTF-8": lambda text: b"\xef\xbb\xbf" + text.encode(),
}


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_text_as_it_comes(tmp_path, encoding):
    adata, _ = read(tmp_path, {"GSE1_counts.txt": ENCODINGS[encoding](TEXT)})
    assert_right(adata)


def test_a_line_longer_than_the_csv_module_takes(tmp_path):
    # Tried with another delimiter, the whole line is one cell.
    wide = [f"{title}{'x' * 20_000}" for title in TITLES]
    made = Made(
        "GSE1", [replace(one, title=name) for one, name in zip(samples(), wide, strict=True)]
    )
    adata, _ = read(tmp_path, {"GSE1_counts.txt.gz": table(wide, COUNTS)}, made)
    assert_right(adata)


HEADERS = {
    "a row of groups below": lambda lines: [
        lines[0],
        "group\t" + "\t".join("aaaabbbb"),
        *lines[1:],
    ],
    "a row of groups above": lambda lines: ["\t" + "\t".join("aaaabbbb"), *lines],
    "merged groups above": lambda lines: ["\tctrl\t\t\t\tcase\t\t\t", *lines],
    "a title and merged groups": lambda lines: ["Table S1", "\tctrl\t\t\t\tcase\t\t\t", *lines],
    "names of merged cells": lambda lines: [
        "\tWT\t\t\t\tKO\t\t\t",
        "gene\t" + "\t".join("12341234"),
        *lines[1:],
    ],
}


@pytest.mark.parametrize("header", HEADERS)
def test_headers_of_several_rows(tmp_path, header):
    text = "\n".join(HEADERS[header](lines_of(TEXT))) + "\n"
    spaced = [replace(one, title=f"{one.title[:2]} {one.title[2:]}") for one in samples()]
    made = Made("GSE1", spaced if header == "names of merged cells" else samples())
    adata, reading = read(tmp_path, {"GSE1_counts.txt.gz": text}, made)
    assert_right(adata)
    assert reading["header"]


ASIDE = {
    "totals of any name": (["everything"], COUNTS.sum(axis=0)[None], GENES),
    "R's spelling of spike-ins": (["ERCC.00002"], COUNTS[:1], GENES),
    "trailers": (["Unassigned_NoFeatures", "__ambiguous"], COUNTS[:2], ENSEMBL),
    "metadata among Ensembl ids": (["age", "RIN"], COUNTS[:2], ENSEMBL),
    "metadata among symbols": (["body_weight_g", "Batch"], COUNTS[:2], GENES),
    "metadata among Entrez ids": (["age"], COUNTS[:1], [str(100 + 7 * n) for n in range(40)]),
    "a second genome": ([f"ENSG{n:011d}" for n in range(1, 9)], COUNTS[:8], ENSEMBL),
    "a second genome by assembly": (["hg38_GFAP", "hg38_AQP4"], COUNTS[:2], GENES),
    "transgenes": (["EGFP", "tdTomato"], COUNTS[:2], GENES),
}


@pytest.mark.slow
@pytest.mark.parametrize("place", ["above", "below"])
@pytest.mark.parametrize("kind", ASIDE)
def test_rows_that_are_no_genes_are_set_aside_by_name(tmp_path, kind, place):
    names, values, genes = ASIDE[kind]
    counts = COUNTS[: len(genes)]
    every = [*names, *genes] if place == "above" else [*genes, *names]
    stacked = np.vstack([values, counts] if place == "above" else [counts, values])
    text = table(TITLES, stacked, genes=every)
    adata, reading = read(tmp_path, {"GSE1_counts.txt.gz": text})
    assert_right(adata, counts, list(genes))
    named = [name for listed in reading["genes"]["set_aside"].values() for name in listed]
    assert sorted(named) == sorted(names)
    assert reading["genes"]["n_in"] == len(every)
    assert sum(reading["genes"]["dropped"].values()) == len(names)


def test_genes_that_no_table_lists_stay():
    names = [*GENES, "Gm12345", "LOC102631757", "4930402H24Rik", "AC012345.1", "Mir-9999", "TrnK"]
    assert not any(row_kinds.reasons(names, "symbol", "mouse"))


def test_files_without_genes_are_refused_and_the_remedy_works(tmp_path):
    rows = "\n".join(f"thing {n}\t{n}\t{n + 1}" for n in range(40))
    content = ("what\tleft\tright\n" + rows + "\n").encode()
    files = {f"{one.accession}_x.txt": content for one in samples()}
    with pytest.raises(InputError, match=r"left, right|without genes") as refusal:
        read(tmp_path, {"GSE1_RAW.tar": packed(files)})
    assert "with a sample sheet" in str(refusal.value)
    (tmp_path / "own.tsv").write_text(TEXT)
    sheet = "sample\tgenotype\n" + "".join(f"{title}\t{title[:2]}\n" for title in TITLES)
    (tmp_path / "sheet.tsv").write_text(sheet)
    row = Row("a", str(tmp_path / "own.tsv"), str(tmp_path / "sheet.tsv"), label="genotype")
    _, adata, _ = read_dataset(
        row, [tmp_path / "own.tsv", tmp_path / "sheet.tsv"], frozenset(), Budget(1e9)
    )
    np.testing.assert_array_equal(adata[TITLES, GENES].X.toarray(), COUNTS.T)


def test_r_objects_that_hold_counts_beside_their_names():
    from types import SimpleNamespace

    import xarray

    from epigpt.matrices import r_classes, r_objects

    cells, parts = [f"cell_{n}" for n in range(8)], sparse.csc_array(COUNTS)
    bare = SimpleNamespace(
        i=parts.indices,
        p=parts.indptr,
        x=parts.data.astype(float),
        Dim=np.array(parts.shape),
        Dimnames=["NULL", "NULL"],
    )
    named = xarray.DataArray(COUNTS.astype(float), coords=[("g", GENES), ("c", cells)])

    def mapped(names):
        return xarray.DataArray(np.ones((len(names), 1)), coords=[("n", names), ("l", ["counts"])])

    objects = {
        "Seurat 5": SimpleNamespace(
            **{"class": np.array(["Seurat"]), "active.assay": np.array(["RNA"]), "meta.data": None},
            assays={
                "RNA": SimpleNamespace(
                    layers={"counts": bare}, cells=mapped(cells), features=mapped(GENES)
                )
            },
        ),
        "SingleCellExperiment": SimpleNamespace(
            **{"class": np.array(["SingleCellExperiment"])},
            assays=SimpleNamespace(
                data=SimpleNamespace(listData={"logcounts": bare, "counts": bare})
            ),
            NAMES=np.array(GENES),
            colData=SimpleNamespace(rownames=np.array(cells), listData={"donor": np.array(cells)}),
        ),
        "DGEList or tximport": {"counts": named, "samples": None},
    }
    for kind, item in objects.items():
        (found,) = r_classes.matrices(
            item, lambda one, rows, columns: r_objects._named_values(one, rows, columns, "x")
        )
        np.testing.assert_array_equal(found[1].matrix.toarray(), COUNTS.T, err_msg=kind)
        assert found[1].genes == GENES
        assert found[1].observations == cells


TRANSCRIPTS = {
    "GENCODE": [
        f"ENSMUST{n:011d}.1|{gene}.2|OTTMUSG{n:011d}.1|-|{symbol}-201|{symbol}|900|protein_coding|"
        for n, (gene, symbol) in enumerate(zip(ENSEMBL, GENES, strict=True))
    ],
    "RSEM": [f"{gene}_ENSMUST{n:011d}" for n, gene in enumerate(ENSEMBL)],
    "RSEM by symbol": [f"ENSMUST{n:011d}_{gene}" for n, gene in enumerate(GENES)],
    "Ensembl's names": [f"{gene}-201" for gene in GENES],
}


@pytest.mark.parametrize("ids", TRANSCRIPTS)
def test_transcripts_whose_ids_name_the_gene_are_summed(tmp_path, ids):
    names = TRANSCRIPTS[ids]
    again = [name.replace("-201", "-202") for name in names]
    doubled = table(TITLES, np.vstack([COUNTS, COUNTS]), genes=[*names, *again])
    adata, reading = read(tmp_path, {"GSE1_counts.txt.gz": doubled})
    genes = ENSEMBL if ids in ("GENCODE", "RSEM") else GENES
    assert_right(adata, COUNTS * 2, genes)
    assert "rows of transcripts were summed" in str(reading["notes"])


@pytest.mark.parametrize("name", ["GSE1_tx2gene.csv.gz", "GSE1_annotation.csv.gz"])
def test_transcripts_are_summed_by_a_table_beside_them(tmp_path, name):
    ids = [f"ENSMUST{n:011d}" for n in range(len(GENES))]
    known = "tx,gene\n" + "".join(
        f"{one}.3,{gene}.1\n" for one, gene in zip(ids, ENSEMBL, strict=True)
    )
    files = {"GSE1_counts.txt.gz": table(TITLES, COUNTS, genes=ids), name: known}
    adata, reading = read(tmp_path, files)
    assert_right(adata, COUNTS, ENSEMBL)
    assert name in str(reading["notes"])
