"""Several columns or files of one sample, several blocks of columns: the counts among them are read."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from epigpt.errors import InputError
from geo_series import GENES, Made, table
from mouse_series import COUNTS, TEXT, TITLES, assert_right, lines_of, packed, read, samples


def framed(blocks: Mapping[str, np.ndarray], name: Callable[[str, str], str]) -> str:
    columns = [name(title, quantity) for quantity in blocks for title in TITLES]
    values = np.hstack(list(blocks.values()))
    lines = ["\t".join(["gene", *columns])]
    lines += [
        "\t".join([gene, *(f"{value:.6g}" for value in row)])
        for gene, row in zip(GENES, values, strict=True)
    ]
    return "\n".join(lines) + "\n"


TPM = COUNTS / COUNTS.sum(axis=0) * 1e6


FRAMES = {
    "tximport": framed(
        {"abundance": TPM, "counts": COUNTS, "length": COUNTS * 0 + 2437},
        lambda title, quantity: f"{quantity}.{title}",
    ),
    "CLC": framed(
        {
            "Expression value": COUNTS * 2,
            "Unique gene reads": COUNTS // 2,
            "Total gene reads": COUNTS,
            "RPKM": TPM * 0.3,
        },
        lambda title, quantity: f"{title} (GE) - {quantity}",
    ),
    "counts and normalised counts": framed(
        {"raw": COUNTS, "norm": COUNTS / 1.37}, lambda title, quantity: f"{title}_{quantity}"
    ),
    "counts under bare names, logarithms behind": framed(
        {"": COUNTS, "_rlog": np.log2(COUNTS + 1)}, lambda title, quantity: f"{title}{quantity}"
    ),
    "whole normalised values before counts under bare names": framed(
        {"_norm": np.round(COUNTS / 1.37), "": COUNTS},
        lambda title, quantity: f"{title}{quantity}",
    ),
    "counts and FPKM": framed(
        {"FPKM": TPM * 0.3, "Count": COUNTS}, lambda title, quantity: f"{quantity}: {title}"
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("frame", FRAMES)
def test_of_several_blocks_of_columns_the_counts_are_read(tmp_path, frame):
    adata, reading = read(tmp_path, {"GSE1_all.txt.gz": FRAMES[frame]})
    assert_right(adata)
    assert reading["matrix"].startswith("GSE1_all.txt.gz/")


def test_a_block_of_columns_can_be_named(tmp_path):
    adata, _ = read(
        tmp_path, {"GSE1_all.txt.gz": FRAMES["CLC"]}, matrix="GSE1_all.txt.gz/Unique gene reads"
    )
    assert_right(adata, COUNTS // 2)


PER_SAMPLE = {
    "CLC": "Feature ID\tExpression value\tTotal gene reads\tUnique gene reads\tRPKM",
    "RSEM": "gene_id\tlength\texpected_count\tTPM\tFPKM",
    "a counter": "Geneid\tChr\tLength\tRaw reads\tcoverage",
}


@pytest.mark.parametrize("program", PER_SAMPLE)
def test_of_several_columns_of_a_sample_the_counts_are_read(tmp_path, program):
    header = PER_SAMPLE[program]
    place = next(
        at
        for at, name in enumerate(header.split("\t"))
        if name in ("Total gene reads", "expected_count", "Raw reads")
    )
    files = {}
    for column, one in enumerate(samples()):
        rows = []
        for gene, count in zip(GENES, COUNTS[:, column], strict=True):
            cells = [gene, "7.25", "8", "3.5", "1.5"]
            cells[place] = str(count)
            rows.append("\t".join(cells))
        files[f"{one.accession}_x.txt"] = ("\n".join([header, *rows]) + "\n").encode()
    adata, _ = read(tmp_path, {"GSE1_RAW.tar": packed(files)})
    assert_right(adata)


def test_results_beside_counts(tmp_path):
    lines = lines_of(TEXT)
    header = lines[0] + "\tbaseMean\tlog2FoldChange\tlfcSE\tstat\tpvalue\tpadj"
    body = [f"{line}\t{n}.5\t-0.3\t0.1\t2.5\t0.01\t0.05" for n, line in enumerate(lines[1:])]
    adata, _ = read(tmp_path, {"GSE1_deseq2.txt.gz": "\n".join([header, *body]) + "\n"})
    assert_right(adata)


@pytest.mark.parametrize(
    "lane", ["{}_L00{}", "{}_S7_L00{}", "{}.lane{}", "{}_run{}", "{}_techrep{}", "L00{1}_{0}"]
)
def test_lanes_of_a_sample_are_added(tmp_path, lane):
    half = COUNTS // 2
    columns = [lane.format(title, number) for title in TITLES for number in (1, 2)]
    values = np.empty((len(GENES), 16), dtype=int)
    values[:, 0::2], values[:, 1::2] = half, COUNTS - half
    adata, reading = read(tmp_path, {"GSE1_counts.txt.gz": table(columns, values)})
    assert_right(adata)
    assert reading["assay"] == "bulk"
    assert "16 columns were added to 8 samples" in str(reading["notes"])


def test_two_files_are_the_fewest_that_hold_a_sample_each(tmp_path):
    places = [0, 4]
    two = [samples()[place] for place in places]
    files = {
        f"{one.accession}_{one.title}.txt": "".join(
            f"{gene}\t{count}\n" for gene, count in zip(GENES, COUNTS[:, place], strict=True)
        ).encode()
        for place, one in zip(places, two, strict=True)
    }
    adata, _ = read(tmp_path, {"GSE1_RAW.tar": packed(files)}, Made("GSE1", two))
    assert adata.obs["sample"].tolist() == ["GSM1", "GSM5"]
    np.testing.assert_array_equal(adata[:, list(GENES)].X.toarray(), COUNTS[:, places].T)


def test_lanes_in_files_of_their_own_are_added(tmp_path):
    files = {
        f"{one.accession}_{one.title}_L00{lane}.txt": "".join(
            f"{gene}\t{count}\n" for gene, count in zip(GENES, COUNTS[:, place] * lane, strict=True)
        ).encode()
        for place, one in enumerate(samples())
        for lane in (1, 2)
    }
    adata, reading = read(tmp_path, {"GSE1_RAW.tar": packed(files)})
    assert_right(adata, COUNTS * 3)
    assert "16 columns were added to 8 samples" in str(reading["notes"])


def test_two_kinds_of_files_per_sample_are_told_in_a_line_each_with_a_glob_that_settles(tmp_path):
    files = {
        f"{one.accession}_{one.title}_{strand}.txt": "".join(
            f"{gene}\t{count}\n"
            for gene, count in zip(GENES, COUNTS[:, place] + (strand == "reverse"), strict=True)
        ).encode()
        for place, one in enumerate(samples())
        for strand in ("forward", "reverse")
    }
    tar = {"GSE1_RAW.tar": packed(files)}
    with pytest.raises(InputError, match="2 matrices that qualify") as refusal:
        read(tmp_path, tar)
    assert refusal.value.found.count("\n") == 2
    glob = next(part for part in refusal.value.remedy.split("`") if "forward" in part)
    adata, _ = read(tmp_path, tar, matrix=glob)
    assert_right(adata)


def test_the_same_numbers_in_two_files_are_one_matrix(tmp_path):
    files = {
        "GSE1_counts.txt.gz": TEXT,
        "GSE1_counts.csv.gz": table(TITLES, COUNTS, ","),
        "GSE1_WT_counts.txt.gz": table(TITLES[:4], COUNTS[:, :4]),
    }
    adata, reading = read(tmp_path, files)
    assert_right(adata)
    assert sum("again" in found["reason"] for found in reading["refused"]) == 2
