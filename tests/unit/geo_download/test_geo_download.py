"""A whole series: what is fetched, what is said where something is missing, what survives an
interruption."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from epigpt.errors import InputError
from geo_mirror import ALL, RANDOM, SEQUENCING, Fetch, names, put, put_soft


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
    server.fail("large.csv.gz", "held", 1)
    part = tmp_path / "geo/.partial/GSE1234_large.csv.gz.part"
    server.due = lambda: part.exists() and part.stat().st_size > 0
    with pytest.raises(InputError, match="no such file: GSE1234_counts"):
        fetched(server.url)
    have = part.stat().st_size
    assert 0 < have < 5_000_000
    assert not (tmp_path / "geo/GSE1234_large.csv.gz").exists()
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
