"""Each shape of matrix that GEO's submitters hand in becomes the same counts; the files are written
here."""

import gzip
import tarfile
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import geo_series
from matrix_shapes import COUNTS, GENES, SAMPLES, TITLES, add, as_frame, expected, reads, table

SYMBOLS = geo_series.GENES[:16]


def r_names(text: str) -> str:
    mangled = text.replace("-", ".").replace(" ", ".")
    return f"X{mangled}" if mangled[0].isdigit() else mangled


def symbol_last() -> str:
    lines = [",".join(["ID", *map(r_names, TITLES), "Gene.name"])]
    symbols = [SYMBOLS[n % len(SYMBOLS)] for n in range(len(GENES))]
    lines += [
        ",".join([gene, *map(str, row), symbol])
        for gene, row, symbol in zip(GENES, COUNTS, symbols, strict=True)
    ]
    return "\n".join(lines)


def feature_counts() -> str:
    head = "\t".join(
        [
            "Geneid",
            "Chr",
            "Start",
            "End",
            "Strand",
            "Length",
            *(f"/data/run/{name}Aligned.sortedByCoord.out.bam" for name in SAMPLES),
        ]
    )
    rows = [
        "\t".join([gene, "1;1", "3;9", "5;12", "+;+", "7", *map(str, row)])
        for gene, row in zip(GENES, COUNTS, strict=True)
    ]
    return (
        '# Program:featureCounts v2.0.1; Command:"featureCounts" "-a" "x.gtf" "-o" "out.txt"\n'
        + "\n".join([head, *rows])
    )


def semicolons() -> str:
    lines = [";".join(["", *SAMPLES[::-1]])]
    for number, (gene, row) in enumerate(zip(GENES, COUNTS, strict=True)):
        lines.append(
            ";".join(
                [
                    f"{gene}.{number}|{SYMBOLS[number % 16]}|protein_coding",
                    *(f"{value},0" for value in row[::-1]),
                ]
            )
        )
    return "\n".join(lines)


def htseq_rows() -> str:
    return table() + "".join(
        f"__{name}\t" + "\t".join(["5"] * 6) + "\n"
        for name in ("no_feature", "ambiguous", "too_low_aQual", "not_aligned")
    )


def transposed() -> str:
    return table(",", head=GENES, rows=TITLES, counts=COUNTS.T, first="sample")


def counts_beside_fpkm() -> str:
    head = [f"{name}_{kind}" for name in SAMPLES for kind in ("count", "FPKM")]
    both = np.stack([COUNTS, COUNTS * 0.37 + 0.123], axis=2).reshape(len(GENES), -1)
    rows = [
        "\t".join([gene, *(f"{v:.0f}" if n % 2 == 0 else f"{v:.3f}" for n, v in enumerate(row))])
        for gene, row in zip(GENES, both, strict=True)
    ]
    return "\n".join(["\t".join(["id", *head]), *rows])


TABLES: list[tuple[str, str, Callable[[], str]]] = [
    ("tab-separated though named .csv", "GSE1_counts.csv", table),
    (
        "commas and quotes",
        "GSE1_counts.csv",
        lambda: table(
            ",", head=[f'"{name}"' for name in SAMPLES], rows=[f'"{gene}"' for gene in GENES]
        ),
    ),
    ("spaces", "GSE1_counts.txt", lambda: table("  ")),
    ("windows line ends", "GSE1_counts.txt", lambda: table().replace("\n", "\r\n")),
    ("byte order mark", "GSE1_counts.txt", lambda: "\ufeff" + table()),
    ("symbol last, names mangled by R", "GSE1_raw_counts.csv", symbol_last),
    ("featureCounts with BAM paths", "GSE1_fc.txt", feature_counts),
    ("semicolons, decimal commas, composite ids, other order", "GSE1_counts.csv", semicolons),
    ("header one name short", "GSE1_counts.txt", lambda: table().removeprefix("gene\t")),
    ("HTSeq's summary rows", "GSE1_htseq.txt", htseq_rows),
    ("samples in rows", "GSE1_counts.csv", transposed),
    ("counts beside FPKM", "GSE1_all.txt", counts_beside_fpkm),
    ("titles", "GSE1_counts.txt", lambda: table(head=TITLES)),
    (
        "names in the description",
        "GSE1_counts.txt",
        lambda: table(head=[f"lib{n}" for n in range(6)]),
    ),
    (
        "accession within the name",
        "GSE1_counts.txt",
        lambda: table(head=[f"{name}_liver" for name in SAMPLES]),
    ),
    (
        "a preamble above the header",
        "GSE1_counts.gct",
        lambda: f"#1.2\n{len(GENES)}\t6\n" + table(first="Name"),
    ),
    (
        "a delimiter behind the last name",
        "GSE1_counts.csv",
        lambda: table(",").replace("\n", ",\n", 1),
    ),
    (
        "paths that folders tell apart",
        "GSE1_counts.txt",
        lambda: table(head=[f"/runs/{name}/Aligned.sortedByCoord.out.bam" for name in TITLES]),
    ),
    ("columns 1.0", "GSE1_counts.txt", lambda: table(counts=COUNTS.astype(float))),
]


@pytest.mark.slow
@pytest.mark.parametrize(("what", "name", "text"), TABLES, ids=[row[0] for row in TABLES])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_a_table_of_each_shape_gives_the_same_counts(tmp_path, what, name, text, packed):
    content = text().encode()
    (tmp_path / (name + ".gz" * packed)).write_bytes(
        gzip.compress(content, mtime=0) if packed else content
    )
    found = reads(tmp_path)
    assert found.kind.type == "raw_counts", found.kind
    frame = as_frame(found)
    frame.index = [gene.split(".")[0].split("|")[0] for gene in frame.index]
    pd.testing.assert_frame_equal(frame[SAMPLES], expected(), check_dtype=False)
    assert found.values.matrix.dtype == np.int32


def test_the_symbols_beside_the_ids_are_kept(tmp_path):
    (tmp_path / "GSE1_counts.csv").write_text(symbol_last())
    found = reads(tmp_path)
    assert found.values.symbols is not None
    assert found.values.symbols[:3] == SYMBOLS[:3]


def test_samples_that_one_side_lacks_are_left_out(tmp_path):
    (tmp_path / "GSE1_counts.txt").write_text(table(head=[*SAMPLES[:4], "GSM998", "GSM999"]))
    found = reads(tmp_path)
    assert set(found.samples) == set(SAMPLES[:4])
    assert found.facts["other_columns"] == ["GSM998", "GSM999"]


def test_a_gene_without_all_values_is_left_out(tmp_path):
    (tmp_path / "GSE1_counts.txt").write_text(
        table().replace(f"{GENES[7]}\t{COUNTS[7, 0]}\t", f"{GENES[7]}\tNA\t")
    )
    found = reads(tmp_path)
    assert GENES[7] not in found.values.genes
    assert len(found.values.genes) == len(GENES) - 1


def htseq(column: np.ndarray) -> str:
    return (
        "".join(f"{g}\t{v}\n" for g, v in zip(GENES, column, strict=True))
        + "__no_feature\t99\n__ambiguous\t9\n__not_aligned\t1\n"
    )


def star(column: np.ndarray) -> str:
    return "N_unmapped\t5\t5\t5\nN_multimapping\t5\t5\t5\n" + "".join(
        f"{g}\t{v}\t{v // 2}\t{v - v // 2}\n" for g, v in zip(GENES, column, strict=True)
    )


def rsem(column: np.ndarray) -> str:
    head = "gene_id\ttranscript_id(s)\tlength\teffective_length\texpected_count\tTPM\tFPKM\n"
    return head + "".join(
        f"{g}\tt1,t2\t1000.5\t900.2\t{v}.00\t{v / 7:.2f}\t{v / 9:.2f}\n"
        for g, v in zip(GENES, column, strict=True)
    )


@pytest.mark.parametrize("write", [htseq, star, rsem], ids=["HTSeq", "STAR", "RSEM"])
def test_an_archive_of_tables_of_single_samples(tmp_path, write):
    with tarfile.open(tmp_path / "GSE1_RAW.tar", "w") as archive:
        for number, name in enumerate(SAMPLES):
            add(
                archive,
                f"{name}_liver.txt.gz",
                gzip.compress(write(COUNTS[:, number]).encode(), mtime=0),
            )
    found = reads(tmp_path)
    assert found.kind.type == "raw_counts"
    assert not found.single_cell
    pd.testing.assert_frame_equal(
        as_frame(found).loc[GENES, SAMPLES], expected(), check_dtype=False
    )


def test_a_workbook(tmp_path):
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["A remark above the table"])
    for line in table(head=TITLES).splitlines():
        first, *numbers = line.split("\t")
        book.active.append([first, *(int(cell) if cell.isdigit() else cell for cell in numbers)])
    book.save(tmp_path / "GSE1_counts.xlsx")
    pd.testing.assert_frame_equal(as_frame(reads(tmp_path))[SAMPLES], expected(), check_dtype=False)


def test_ncbis_counts_are_preferred_and_named_by_their_annotation(tmp_path):
    entrez = [str(11000 + 7 * number) for number in range(len(GENES))]
    (tmp_path / "GSE1_raw_counts_GRCm39_NCBI.tsv").write_text(table(rows=entrez, first="GeneID"))
    (tmp_path / "Mouse.GRCm39.annot.tsv").write_text(
        "GeneID\tSymbol\n" + "".join(f"{gene}\tSym{gene}\n" for gene in entrez)
    )
    (tmp_path / "GSE1_counts.csv").write_text(table())
    found = reads(tmp_path)
    assert found.values.genes == entrez
    assert found.values.symbols == [f"Sym{gene}" for gene in entrez]
