"""Valid files of every kind that is read, as bytes: one small matrix in many formats, records, a
sheet, tables and a configuration."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import openpyxl
import pandas as pd
import rdata
from scipy import sparse

SAMPLES = [f"S{number}" for number in range(1, 9)]
GENES = [f"ENSG{number:011d}" for number in range(1, 61)]
COUNTS = np.random.default_rng(7).negative_binomial(2, 0.01, (len(GENES), len(SAMPLES))) + 1


def table(separator: str = "\t", quote: str = "") -> bytes:
    def line(cells: list[str]) -> str:
        return separator.join(f"{quote}{cell}{quote}" for cell in cells)

    rows = [line(["gene", *SAMPLES])]
    rows += [line([gene, *map(str, row)]) for gene, row in zip(GENES, COUNTS.tolist(), strict=True)]
    return ("\n".join(rows) + "\n").encode()


def h5ad() -> bytes:
    data = anndata.AnnData(
        sparse.csr_matrix(COUNTS.T.astype(np.float32)),
        pd.DataFrame({"condition": ["a", "b"] * 4}, index=SAMPLES),
        pd.DataFrame({"symbol": GENES}, index=GENES),
    )
    return saved(data.write_h5ad, ".h5ad")


def ten_x() -> bytes:
    def write(path: Path) -> None:
        matrix = sparse.csc_matrix(COUNTS)
        with h5py.File(path, "w") as file:
            for name in ("data", "indices", "indptr"):
                file[f"matrix/{name}"] = getattr(matrix, name)
            file["matrix/shape"] = np.array(COUNTS.shape)
            file["matrix/barcodes"] = np.array(SAMPLES, dtype="S")
            file["matrix/features/id"] = np.array(GENES, dtype="S")
            file["matrix/features/name"] = np.array(GENES, dtype="S")

    return saved(write, ".h5")


def loom() -> bytes:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file["matrix"] = COUNTS
            file["row_attrs/Gene"] = np.array(GENES, dtype="S")
            file["col_attrs/CellID"] = np.array(SAMPLES, dtype="S")

    return saved(write, ".loom")


def saved(write: Callable[[Path], object], ending: str) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{ending}"
        write(path)
        return path.read_bytes()


def workbook() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["gene", *SAMPLES])
    for gene, row in zip(GENES, COUNTS.tolist(), strict=True):
        book.active.append([gene, *row])
    return saved(book.save, ".xlsx")


def r_table() -> bytes:
    table = pd.DataFrame(COUNTS.astype(float), columns=SAMPLES)
    table.insert(0, "gene", GENES)
    return saved(lambda path: rdata.write_rds(path, table), ".rds")


def mtx() -> bytes:
    lines = [
        f"{row + 1} {column + 1} {COUNTS[row, column]}" for column in range(8) for row in range(60)
    ]
    matrix = "\n".join(
        ["%%MatrixMarket matrix coordinate integer general", f"60 8 {len(lines)}", *lines, ""]
    )
    parts = {
        "x_matrix.mtx": matrix,
        "x_barcodes.tsv": "".join(f"{name}\n" for name in SAMPLES),
        "x_features.tsv": "".join(f"{gene}\t{gene}\tGene Expression\n" for gene in GENES),
    }
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, text in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


def tar_archive(mode: str) -> Callable[[], bytes]:
    def make() -> bytes:
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode=mode) as archive:
            for name in ("a.txt", "b.txt", "c.txt"):
                entry = tarfile.TarInfo(name)
                entry.size = 700
                archive.addfile(entry, io.BytesIO(name.encode() * 140))
        return content.getvalue()

    return make


def zip_archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.txt", "b.txt", "c.txt"):
            archive.writestr(name, name * 140)
    return content.getvalue()


def soft() -> bytes:
    lines = ["^DATABASE = GeoMiame", "^SERIES = GSE7", "!Series_title = A series"]
    lines += ["!Series_geo_accession = GSE7", "!Series_type = Expression profiling"]
    lines += [f"!Series_sample_id = GSM{number}" for number in range(6)]
    for number in range(6):
        lines += [
            f"^SAMPLE = GSM{number}",
            f"!Sample_title = mouse {number}",
            f"!Sample_geo_accession = GSM{number}",
            "!Sample_organism_ch1 = Mus musculus",
            f"!Sample_characteristics_ch1 = genotype: {'KO' if number % 2 else 'WT'}",
            "!Sample_platform_id = GPL1",
        ]
    return gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0)


def series_matrix() -> bytes:
    quoted = "\t".join(f'"GSM{number}"' for number in range(6))
    lines = [
        '!Series_title\t"A series"',
        '!Series_geo_accession\t"GSE7"',
        "",
        f"!Sample_title\t{quoted}",
        f"!Sample_geo_accession\t{quoted}",
        "!Sample_organism_ch1\t" + "\t".join(['"Mus musculus"'] * 6),
        "!Sample_characteristics_ch1\t" + "\t".join(['"genotype: KO"', '"genotype: WT"'] * 3),
        "!series_matrix_table_begin",
        f'"ID_REF"\t{quoted}',
        "!series_matrix_table_end",
    ]
    return ("\n".join(lines) + "\n").encode()


def datasets() -> bytes:
    return (
        b"dataset\tsource\torganism\tassay\tlabel\tcase\tcontrol\tinclude\n"
        b"one\tGSE52778\tauto\tbulk\ttreatment\tdex\tuntreated\tsex=F;sample!=S4\n"
        b"two\tGSE264537\tmouse\tauto\tauto\t\t\t\n"
    )


CONFIG = b"""model: tiny
epochs: 3
learning_rate: 0.001
folds: 4
views: 2
seed: 1
geo:
  retries: 2
  base_url: https://ftp.ncbi.nlm.nih.gov/geo
baselines: [logistic_l2, random_forest]
"""
