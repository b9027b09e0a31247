"""Archives with a file per sample: named by their folders, cut, of other genes, or called by the
name of another sample."""

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geo_series import GENES, Made, counts_of
from mouse_records import mice, names, read, refused, row

MICE = mice(8)
COUNTS = counts_of(8) + 30
TITLES = [sample.title.replace(" ", "_") for sample in MICE]


def listed(sample: int, genes: int = len(GENES), more: str = "") -> str:
    rows = [f"{gene}\t{COUNTS[at, sample]}" for at, gene in enumerate(GENES[:genes])]
    return "\n".join(rows) + f"\n{more}"


def archive(members: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name, text in members.items():
            packed.writestr(name, text)
    return content.getvalue()


def of_all(name: Callable[[int], str], text: Callable[[int], str] = listed) -> bytes:
    return archive({name(sample): text(sample) for sample in range(len(MICE))})


def reads(tmp_path: Path, packed: bytes, **cells: str):
    folder = Made("GSE1", MICE).write(tmp_path / "mirror", {"GSE1_counts.zip": packed})
    return read(folder, row(label="genotype", **cells))


def by_symbol(adata) -> dict[str, list[float]]:
    values = adata.to_df()
    return {symbol: values.iloc[:, at].tolist() for at, symbol in enumerate(adata.var["symbol"])}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        lambda sample: f"{TITLES[sample]}/counts.txt",
        lambda sample: f"htseq/{names(MICE)[sample]}/counts.txt",
        lambda sample: f"star/out/{TITLES[sample]}/ReadsPerGene.out.tab",
    ],
)
def test_files_of_one_name_are_told_by_their_folders(tmp_path, name):
    _, adata, _ = reads(tmp_path, of_all(name))
    assert by_symbol(adata)["Gfap"] == COUNTS[0].tolist()


@pytest.mark.slow
def test_sheets_of_a_workbook_may_hold_a_sample_each(tmp_path):
    with pd.ExcelWriter(tmp_path / "book.xlsx", engine="openpyxl") as book:
        for sample, title in enumerate(TITLES):
            counts = pd.DataFrame({"count": COUNTS[:, sample]}, index=pd.Index(GENES, name="gene"))
            counts.to_excel(book, sheet_name=title)
    files = {"GSE1_counts.xlsx": (tmp_path / "book.xlsx").read_bytes()}
    folder = Made("GSE1", MICE).write(tmp_path / "mirror", files)
    _, adata, _ = read(folder, row(label="genotype"))
    assert by_symbol(adata)["Gfap"] == COUNTS[0].tolist()


def test_an_accession_beside_another_samples_title_is_told(tmp_path):
    packed = of_all(lambda sample: f"{names(MICE)[sample]}_{TITLES[7 - sample]}.txt")
    _, adata, reading = reads(tmp_path, packed)
    assert by_symbol(adata)["Gfap"] == COUNTS[0].tolist()
    assert any("8 of 8 file names hold the accession" in one["text"] for one in reading["warnings"])
    _, _, right = reads(
        tmp_path / "right", of_all(lambda sample: f"{names(MICE)[sample]}_{TITLES[sample]}.txt")
    )
    assert not any("the accession was believed" in one["text"] for one in right["warnings"])


@pytest.mark.parametrize("left", [0, 25])
def test_a_cut_list_is_refused_and_its_sample_can_be_left_out(tmp_path, left):
    def cut(sample: int) -> str:
        return listed(sample, left) if sample == 2 else listed(sample)

    packed = of_all(lambda sample: f"{names(MICE)[sample]}.txt", cut)
    told = refused(lambda: reads(tmp_path, packed), "GSM3", "sample!=GSM3")
    assert ("cut" in told) == (left > 0)
    samples, adata, _ = reads(tmp_path, packed, include="sample!=GSM3")
    assert list(samples.index) == [name for name in names(MICE) if name != "GSM3"]
    assert by_symbol(adata)["Mbp"] == np.delete(COUNTS[GENES.index("Mbp")], 2).tolist()


def test_genes_that_half_the_lists_lack_are_no_zeros(tmp_path):
    """They would tell the classes apart, as if one of them had lost them."""
    packed = of_all(
        lambda sample: f"{names(MICE)[sample]}.txt",
        lambda sample: listed(sample, 30 if sample % 2 else len(GENES)),
    )
    _, adata, reading = reads(tmp_path, packed)
    assert adata.n_vars == 30
    assert any("10 of 40 genes" in note for note in reading["notes"])


def test_genes_without_counts_may_be_left_out_of_a_list(tmp_path):
    packed = of_all(
        lambda sample: f"{names(MICE)[sample]}.txt",
        lambda sample: listed(sample, 39 if sample % 2 else len(GENES)),
    )
    _, adata, _ = reads(tmp_path, packed)
    assert by_symbol(adata)[GENES[39]][1::2] == [0.0] * 4


def test_lists_of_two_kinds_beside_each_other_are_told_apart(tmp_path):
    small = "".join(f"mmu-miR-{number}-5p\t{number % 90}\n" for number in range(40))
    members = {f"{name}_r_1.counts.txt": listed(at) for at, name in enumerate(names(MICE))}
    members |= {f"{name}_r_1_mirna.txt": small for name in names(MICE)}
    told = refused(lambda: reads(tmp_path, archive(members)), "2 matrices", "*_r_1_mirna.txt")
    assert "`*_r_1.counts.txt`" in told
    _, adata, _ = reads(tmp_path, archive(members), matrix="*_r_1.counts.txt")
    assert by_symbol(adata)["Gfap"] == COUNTS[0].tolist()


def test_an_archive_that_is_not_unpacked_here_is_called_so(tmp_path):
    folder = Made("GSE1", MICE).write(tmp_path, {"GSE1_counts.rar": b"Rar!\x1a\x07\x01\x00xx"})
    refused(lambda: read(folder, row(label="genotype")), "RAR archive", "unpack it yourself")
