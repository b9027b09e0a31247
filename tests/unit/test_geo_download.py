"""A whole series: what is fetched, what is said where something is missing, what survives an
interruption."""

import gzip
import hashlib
import logging
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import geo_server
from epigpt.errors import InputError
from epigpt.geo import addresses, download, manifest
from epigpt.transport.http_client import Connection
from epigpt.transport.resume import Fetched

RANDOM = random.Random(2)
FAST = Connection(retries=2, backoff_seconds=0.01, timeout_seconds=1.0, requests_per_second=2000.0)
SEQUENCING = "Expression profiling by high throughput sequencing"
Fetch = Callable[..., list[Fetched]]


def put(root: Path, accession: str, kind: str, name: str, content: bytes | str = b"") -> Path:
    path = root / "series" / addresses.stub(accession) / accession / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def put_soft(
    root: Path, accession: str, *lines: str, kind: str = SEQUENCING, taxon: str = "10090"
) -> Path:
    series = [
        f"^SERIES = {accession}",
        f"!Series_geo_accession = {accession}",
        f"!Series_type = {kind}",
        f"!Series_sample_taxid = {taxon}",
    ]
    return put(
        root,
        accession,
        "soft",
        f"{accession}_family.soft.gz",
        "\n".join([*series, *lines, "^SAMPLE = GSM1", ""]),
    )


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A mirror of GSE1234 with a record, two matrices and a track."""
    root = tmp_path / "mirror"
    put_soft(
        root,
        "GSE1234",
        "!Series_supplementary_file = ftp://h/suppl/GSE1234_counts.csv.gz",
        "!Series_supplementary_file = NONE",
    )
    put(root, "GSE1234", "suppl", "GSE1234_counts.csv.gz", RANDOM.randbytes(50_000))
    put(root, "GSE1234", "suppl", "GSE1234_tpm.tsv.gz", "gene\tGSM1\nA\t1.5\n")
    put(root, "GSE1234", "suppl", "GSE1234_track.bw", b"track")
    put(root, "GSE1234", "suppl", "GSE12345_other.csv", b"of another series")
    return root


@pytest.fixture
def server(mirror: Path) -> Iterator[Any]:
    with geo_server.GeoServer(mirror) as running:
        yield running


@pytest.fixture
def fetched(tmp_path: Path) -> Fetch:
    def fetch_series(
        base: str, accession: str = "GSE1234", pattern: str = "auto", ncbi_counts: bool = True
    ) -> list[Fetched]:
        with download.session(base, tmp_path / "geo", FAST, logging.getLogger("test")) as opened:
            return download.download_series(opened, accession, pattern, ncbi_counts)

    return fetch_series


def names(lines: list[Fetched]) -> list[str]:
    return [line.file for line in lines]


ALL = ["GSE1234_counts.csv.gz", "GSE1234_family.soft.gz", "GSE1234_tpm.tsv.gz"]


@pytest.mark.parametrize("kind", ["http", "file"])
def test_series_from_any_kind_of_mirror(
    kind: str, mirror: Path, server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    lines = fetched(server.url if kind == "http" else mirror.as_uri(), "gse1234")
    assert names(lines) == ALL
    for line in lines:
        content = (tmp_path / "geo" / line.file).read_bytes()
        assert (line.bytes, line.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert sorted(path.name for path in (tmp_path / "geo").iterdir()) == sorted(
        [*ALL, ".partial", "listing.tsv"]
    )
    assert not list((tmp_path / "geo/.partial").glob("*.part"))
    listing = (tmp_path / "geo/listing.tsv").read_text().splitlines()
    assert "GSE1234\tGSE1234_track.bw\t\t\tfalse\tholds coverage tracks" in listing
    assert not any("GSE12345" in line for line in listing)


def test_unlisted_folder_falls_back_to_the_names_in_the_record(server: Any, fetched: Fetch) -> None:
    server.index = False
    put_soft(
        server.root,
        "GSE1234",
        *(
            f"!Series_supplementary_file = ftp://h/x/GSE1234_{name}.csv.gz"
            for name in ("counts", "gone")
        ),
    )
    assert names(fetched(server.url)) == ["GSE1234_counts.csv.gz", "GSE1234_family.soft.gz"]


@pytest.mark.parametrize("kind", ["http", "file"])
def test_series_matrices_of_several_platforms_replace_a_missing_soft_file(
    kind: str, mirror: Path, server: Any, fetched: Fetch
) -> None:
    for platform in ("GPL20", "GPL3"):
        put(
            mirror,
            "GSE7",
            "matrix",
            f"GSE7-{platform}_series_matrix.txt.gz",
            f'!Series_type\t"{SEQUENCING}"\n',
        )
    put(mirror, "GSE7", "matrix", "GSE7_notes.txt.gz", "no record")
    lines = fetched(server.url if kind == "http" else mirror.as_uri(), "GSE7")
    assert names(lines) == ["GSE7-GPL20_series_matrix.txt.gz", "GSE7-GPL3_series_matrix.txt.gz"]


def test_plain_series_matrix_is_found_without_a_listing(server: Any, fetched: Fetch) -> None:
    put(
        server.root,
        "GSE7",
        "matrix",
        "GSE7_series_matrix.txt.gz",
        f'!Series_type\t"{SEQUENCING}"\n',
    )
    server.index = False
    assert names(fetched(server.url, "GSE7")) == ["GSE7_series_matrix.txt.gz"]


def test_kinds_of_absence_are_told_apart(server: Any, fetched: Fetch) -> None:
    server.statuses = {
        "GSE50": (
            '<html>Accession "GSE50" is currently private and is scheduled to be released on Aug'
            " 07, 2029.</html>"
        ),
        "GSE51": '<html>Could not find a public or private accession "GSE51"</html>',
        "GSE52": '<html>Accession "GSE52" was deleted by the GEO staff on Jan 02, 2020</html>',
        "GSE53": "^SERIES = GSE53\n!Series_status = Public on today\n",
    }
    expected = {
        "GSE50": "GSE50 is private until Aug 07, 2029",
        "GSE51": "no such accession: GSE51",
        "GSE52": "GSE52 was withdrawn on Jan 02, 2020",
        "GSE53": "GSE53 is public, but its files are not in the archive",
        "GSE54": "no such series on this server: GSE54",
    }
    for accession, found in expected.items():
        with pytest.raises(InputError) as refused:
            fetched(server.url, accession)
        assert refused.value.found == found
    server.fail("GSE55_family.soft.gz", "503")
    with pytest.raises(InputError, match="server trouble: HTTP 503"):
        fetched(server.url, "GSE55")
    with pytest.raises(InputError, match=r"no such file: matrix = \*nothing\*") as refused:
        fetched(server.url, "GSE1234", "*nothing*")
    assert "GSE1234_counts.csv.gz, GSE1234_tpm.tsv.gz" in refused.value.why


def test_private_page_in_place_of_the_record(server: Any, fetched: Fetch) -> None:
    server.fail(
        "GSE60_family.soft.gz",
        'page Accession "GSE60" is currently private and is scheduled to be released on May 1,'
        " 2031.",
    )
    with pytest.raises(InputError, match="GSE60 is private until May 1, 2031"):
        fetched(server.url, "GSE60")


def test_absent_series_of_a_folder_and_series_without_a_record(
    mirror: Path, fetched: Fetch
) -> None:
    with pytest.raises(InputError, match="no such series on this server: GSE9"):
        fetched(mirror.as_uri(), "GSE9")
    put(mirror, "GSE9", "suppl", "GSE9_counts.csv", b"x")
    with pytest.raises(InputError, match="no record of GSE9"):
        fetched(mirror.as_uri(), "GSE9")


def test_file_that_is_listed_but_denied_or_lacking(server: Any, fetched: Fetch) -> None:
    server.fail("counts.csv.gz", "403", 1)
    with pytest.raises(InputError, match=r"no such file: GSE1234_counts\.csv\.gz") as refused:
        fetched(server.url)
    assert "HTTP 403" in refused.value.why
    server.fail("counts.csv.gz", "404", 1)
    with pytest.raises(InputError, match=r"no such file: GSE1234_counts\.csv\.gz") as refused:
        fetched(server.url)
    assert "HTTP 404" in refused.value.why


def test_page_instead_of_a_matrix_shows_its_title(
    server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    server.fail("counts.csv.gz", "html")
    with pytest.raises(
        InputError, match=r"an HTML page instead of GSE1234_counts\.csv\.gz, titled 'Please <wait>'"
    ):
        fetched(server.url)
    assert not (tmp_path / "geo/GSE1234_counts.csv.gz").exists()


def test_one_failure_stops_the_rest_and_keeps_what_is_here(
    server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    put(server.root, "GSE1234", "suppl", "GSE1234_large.csv.gz", RANDOM.randbytes(5_000_000))
    server.fail("counts.csv.gz", "late 404", 1)
    server.fail("large.csv.gz", "slow", 1)
    began = time.monotonic()
    with pytest.raises(InputError, match="no such file: GSE1234_counts"):
        fetched(server.url)
    assert time.monotonic() - began < 3  # the whole slow file takes six seconds
    have = (tmp_path / "geo/.partial/GSE1234_large.csv.gz.part").stat().st_size
    assert have > 0
    assert names(fetched(server.url))[2] == "GSE1234_large.csv.gz"
    assert [asked.range for asked in server.asked if asked.path.endswith("large.csv.gz")] == [
        None,
        f"bytes={have}-",
    ]


def test_second_download_transfers_nothing(server: Any, fetched: Fetch) -> None:
    first = fetched(server.url)
    server.asked.clear()
    assert fetched(server.url) == first
    assert {
        asked.status
        for asked in server.asked
        if asked.path.endswith(".gz") and "NCBI" not in asked.path
    } == {304}


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
