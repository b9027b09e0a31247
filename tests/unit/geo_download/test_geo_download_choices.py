"""What is chosen of a series: NCBI's counts, archives, the parts of a SuperSeries, local files."""

import gzip
import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest

from epigpt.errors import InputError
from epigpt.geo import download, manifest
from geo_mirror import ALL, FAST, RANDOM, SEQUENCING, Fetch, names, put, put_soft


@pytest.mark.parametrize("kind", ["http", "file"])
def test_ncbi_counts_come_along_with_their_annotation(
    kind: str, server: Any, mirror: Path, fetched: Fetch
) -> None:
    base = server.url if kind == "http" else mirror.as_uri()
    assert names(fetched(base)) == ALL
    (mirror / "download").mkdir()
    counts = "GSE1234_raw_counts_GRCm39_NCBI.tsv.gz"
    for name in (counts, "Mouse.GRCm39.annot.tsv.gz"):
        (mirror / "download" / name).write_bytes(gzip.compress(b"GeneID\tGSM1\n1\t2\n"))
    assert names(fetched(base)) == sorted([*ALL, counts, "Mouse.GRCm39.annot.tsv.gz"])
    assert names(fetched(base, ncbi_counts=False)) == ALL
    assert names(fetched(base, pattern="*_NCBI.tsv.gz")) == sorted(
        ["GSE1234_family.soft.gz", counts, "Mouse.GRCm39.annot.tsv.gz"]
    )
    assert names(fetched(base, pattern="*tpm*")) == ["GSE1234_family.soft.gz", "GSE1234_tpm.tsv.gz"]


def test_page_for_missing_ncbi_counts_means_there_are_none(server: Any, fetched: Fetch) -> None:
    server.fail("_NCBI.tsv.gz", "html")
    assert names(fetched(server.url)) == ALL
    assert server.count("_NCBI.tsv.gz") == 1


def test_trouble_with_ncbi_counts_does_not_silently_choose_another_source(
    server: Any, fetched: Fetch
) -> None:
    server.fail("_NCBI.tsv.gz", "502")
    with pytest.raises(InputError, match="server trouble") as refused:
        fetched(server.url)
    assert "geo.ncbi_counts: false" in refused.value.remedy


@pytest.mark.parametrize(
    ("taxon", "kind"), [("7955", SEQUENCING), ("10090", "Expression profiling by array")]
)
def test_ncbi_is_asked_only_for_what_it_counts(
    taxon: str, kind: str, server: Any, fetched: Fetch
) -> None:
    put_soft(server.root, "GSE1234", taxon=taxon, kind=kind)
    fetched(server.url)
    assert server.count("_NCBI.tsv.gz") == 0


def test_archive_is_left_where_ncbi_counts_are_unless_cells_are_in_it(
    mirror: Path, fetched: Fetch
) -> None:
    put_soft(mirror, "GSE8")
    (mirror / "download").mkdir()
    (mirror / "download" / "GSE8_raw_counts_GRCm39_NCBI.tsv.gz").write_bytes(gzip.compress(b"x"))
    put(mirror, "GSE8", "suppl", "GSE8_RAW.tar", b"\0" * 10240)
    rows = "Archive\tGSE8_RAW.tar\t\t10240\tTAR\nFile\tGSM1_{}.gz\t\t5\tX\n"
    put(mirror, "GSE8", "suppl", "filelist.txt", rows.format("counts.txt"))
    assert "GSE8_RAW.tar" not in names(fetched(mirror.as_uri(), "GSE8"))
    assert "GSE8_RAW.tar" in names(fetched(mirror.as_uri(), "GSE8", ncbi_counts=False))
    put(mirror, "GSE8", "suppl", "filelist.txt", rows.format("matrix.mtx"))
    assert "GSE8_RAW.tar" in names(fetched(mirror.as_uri(), "GSE8"))


def test_super_series_brings_its_parts(server: Any, fetched: Fetch, tmp_path: Path) -> None:
    put_soft(
        server.root,
        "GSE90",
        "!Series_relation = SuperSeries of: GSE91",
        "!Series_relation = SuperSeries of: GSE92",
    )
    put(server.root, "GSE90", "suppl", "GSE90_RAW.tar", b"\0" * 10240)
    put_soft(server.root, "GSE91")
    put(server.root, "GSE91", "suppl", "GSE91_counts.csv.gz", b"x")
    put_soft(
        server.root,
        "GSE92",
        kind="Genome binding/occupancy profiling by high throughput sequencing",
    )
    put(server.root, "GSE92", "suppl", "GSE92_counts.csv.gz", b"x")
    lines = fetched(server.url, "GSE90")
    expected = [
        "GSE90_family.soft.gz",
        "GSE91/GSE91_counts.csv.gz",
        "GSE91/GSE91_family.soft.gz",
        "GSE92/GSE92_family.soft.gz",
    ]
    assert names(lines) == expected
    assert all((tmp_path / "geo" / name).is_file() for name in expected)
    listing = (tmp_path / "geo/listing.tsv").read_text()
    assert (
        "GSE92\tGSE92_counts.csv.gz\t\t\tfalse\tthe series is not an expression study (Genome binding"
        in listing
    )


@pytest.mark.parametrize("present", ["GSE91", "GSE92", "GSE93"])
def test_super_series_with_missing_parts(present: str, mirror: Path, fetched: Fetch) -> None:
    put_soft(
        mirror,
        "GSE90",
        *(f"!Series_relation = SuperSeries of: GSE{part}" for part in (91, 92, 93)),
        "!Series_sample_id = GSM1",
    )
    put_soft(mirror, present)
    absent = min({"GSE91", "GSE92", "GSE93"} - {present})
    with pytest.raises(
        InputError, match=rf"no such series on this server: {absent} \(and 1 more"
    ) as refused:
        fetched(mirror.as_uri(), "GSE90")
    assert "SuperSeries GSE90" in refused.value.why


def test_super_series_whose_parts_are_all_missing_speaks_for_itself(
    shared: Path, fetched: Fetch
) -> None:
    assert names(fetched((shared / "geo-mirror").as_uri(), "GSE11897")) == [
        "GSE11897_family.soft.gz"
    ]


def test_series_of_the_real_mirror(shared: Path, fetched: Fetch) -> None:
    base = (shared / "geo-mirror").as_uri()
    assert names(fetched(base, "GSE96870")) == [
        "GSE96870_counts_cerebellum.csv.gz",
        "GSE96870_family.soft.gz",
    ]
    assert names(fetched(base, "gse29087")) == [
        "GSE29087_L139_expression_tab.tsv.gz",
        "GSE29087_series_matrix.txt.gz",
    ]


def test_second_download_into_a_folder_is_refused_while_the_first_runs(
    mirror: Path, fetched: Fetch, tmp_path: Path
) -> None:
    with (
        download.session(mirror.as_uri(), tmp_path / "geo", FAST, logging.getLogger("test")),
        pytest.raises(InputError, match="another download"),
    ):
        fetched(mirror.as_uri())


def test_local_files_are_noted_not_copied(tmp_path: Path) -> None:
    table, sheet = tmp_path / "my counts.tsv", tmp_path / "sheet.csv"
    table.write_text("g\ts1\nA\t1\n")
    sheet.write_text("sample,x\n")
    lines = manifest.local_files([table, sheet], "mine")
    assert [line.file for line in lines] == [str(table), str(sheet)]
    assert lines[0].url == table.as_uri()
    assert lines[0].sha256 == hashlib.sha256(table.read_bytes()).hexdigest()
    assert manifest.local_files([table, sheet], "mine") == lines
    with pytest.raises(InputError, match="data set mine, column 'samples'"):
        manifest.local_files([table, tmp_path / "none.csv"], "mine")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(RANDOM.randbytes(1000))[:500])
    with pytest.raises(InputError, match="truncated gzip"):
        manifest.local_files([tmp_path / "cut.csv.gz"], "mine")
