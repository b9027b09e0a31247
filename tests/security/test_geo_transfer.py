"""Downloads against a hostile accession, address, server, listing or neighbour on the same
machine."""

import gzip
import logging
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

import geo_server
from epigpt.errors import InputError
from epigpt.geo import addresses, download
from epigpt.geo.header import read_header
from epigpt.transport import integrity, rate_limit
from epigpt.transport.http_client import Connection, Remote

FAST = Connection(retries=1, backoff_seconds=0.01, timeout_seconds=1.0, requests_per_second=2000.0)


SOFT = (
    b"^SERIES = GSE1\n!Series_type = Expression profiling by high throughput"
    b" sequencing\n!Series_sample_taxid = 7955\n^SAMPLE = GSM1\n"
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Any]:
    series = tmp_path / "mirror/series/GSEnnn/GSE1"
    (series / "soft").mkdir(parents=True)
    (series / "soft/GSE1_family.soft.gz").write_bytes(gzip.compress(SOFT))
    (series / "suppl").mkdir()
    (series / "suppl/GSE1_counts.csv.gz").write_bytes(gzip.compress(b"gene,GSM1\nA,1\n"))
    with geo_server.GeoServer(tmp_path / "mirror") as running:
        yield running


def fetch(base: str, folder: Path) -> list[str]:
    with download.session(base, folder, FAST, logging.getLogger("test")) as opened:
        return [line.file for line in download.download_series(opened, "GSE1")]


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "text",
    [
        "../GSE1",
        "GSE1/../../etc",
        "GSE1/",
        "/etc/passwd",
        "file:///etc/passwd",
        "https://example.org/GSE1",
        "GSE1?acc=GSE2",
        "GSE1#x",
        "GSE1%2f..",
        "GSE1\x00",
        "GSE1\nGSE2",
        "GSE1 GSE2",
        "GSE1;rm -rf ~",
        "$(id)",
        "GSE1\\..\\x",
        "GSE\u0661\u0662",
        "\x1b]0;x\x07GSE1",
    ],
)
def test_accession_with_parts_of_a_path_or_address_is_refused(text: str) -> None:
    with pytest.raises(InputError) as refused:
        addresses.accession(text)
    assert str(refused.value).replace("\n", "").isprintable()


def test_password_in_the_address_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        fetch("https://user:geheim@example.org/geo", tmp_path / "geo")
    assert "geheim" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "file://127.0.0.1/etc/passwd",
        "ftp://127.0.0.1/x",
        "gopher://x",
        "javascript:1",
        "data:,x",
        "http:///",
    ],
)
@pytest.mark.parametrize("name", ["GSE1_family.soft.gz", "GSE1_counts.csv.gz", "/suppl/"])
def test_redirect_out_of_the_web_is_refused(
    target: str, name: str, server: Any, tmp_path: Path
) -> None:
    server.fail(name, f"redirect {target}")
    with pytest.raises(InputError):
        fetch(server.url, tmp_path / "geo")
    assert "manifest.tsv" not in files_below(tmp_path / "geo")
    assert all(
        b"root:" not in path.read_bytes()
        for path in (tmp_path / "geo").rglob("*")
        if path.is_file()
    )


def test_redirect_within_the_web_is_followed_but_not_for_ever(server: Any, tmp_path: Path) -> None:
    server.fail(
        "GSE1_counts.csv.gz",
        f"redirect {server.url}/series/GSEnnn/GSE1/suppl/GSE1_counts.csv.gz",
        2,
    )
    assert fetch(server.url, tmp_path / "geo") == ["GSE1_counts.csv.gz", "GSE1_family.soft.gz"]
    server.fail("GSE1_counts.csv.gz", "redirect GSE1_counts.csv.gz")
    with pytest.raises(InputError, match="redirects"):
        fetch(server.url, tmp_path / "other")


def test_redirect_from_https_to_http_is_refused() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": "http://example.org/x"}, request=request)

    with Remote(FAST) as asked:
        asked._client.close()
        asked._client = httpx.Client(transport=httpx.MockTransport(answer))
        with pytest.raises(InputError, match=r"from https to 'http://example\.org/x'"):
            asked.text("https://example.org/x")


def test_redirect_target_cannot_write_to_the_terminal(server: Any, tmp_path: Path) -> None:
    server.fail("GSE1_family.soft.gz", "redirect gopher://x\x1b[2J")
    with pytest.raises(InputError) as refused:
        fetch(server.url, tmp_path / "geo")
    assert "\x1b" not in str(refused.value)


def test_page_title_cannot_write_to_the_terminal(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = "<html><title>\x1b[2Jevil&#27;[31m\x07\n\x9b title " + "x" * 5000 + "</title></html>"
    (server.root / "series/GSEnnn/GSE1/suppl/GSE1_counts.csv.gz").write_text(page)
    with pytest.raises(InputError, match="evil") as refused:
        fetch(server.url, tmp_path / "geo")
    assert str(refused.value).replace("\n", "").isprintable()
    assert len(str(refused.value)) < 1000


def test_listing_cannot_name_files_elsewhere(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = [
        "../../../../outside.csv.gz",
        "GSE1_%2F..%2F..%2Foutside.csv.gz",
        "/etc/passwd",
        "https://evil.example/GSE1_x.csv",
        "%2e%2e/GSE1_y.csv",
    ]
    links += [
        "GSE1_..%5c..%5cx.csv",
        "GSE1_%00.csv",
        "GSE1_%1b[2J.csv",
        "file:///etc/GSE1_z.csv",
        "GSE1_counts.csv.gz",
    ]
    page = "".join(f'<a href="{link}">x</a>' for link in links)
    server.fail("/suppl/", f"page {page}")
    assert fetch(server.url, tmp_path / "geo") == ["GSE1_counts.csv.gz", "GSE1_family.soft.gz"]
    asked = {asked.path for asked in server.asked}
    assert not any("outside" in path or "passwd" in path or ".." in path for path in asked)
    assert {path.name for path in tmp_path.iterdir()} == {"mirror", "geo"}


def test_member_names_cannot_break_the_listing(server: Any, tmp_path: Path) -> None:
    suppl = server.root / "series/GSEnnn/GSE1/suppl"
    (suppl / "GSE1_RAW.tar").write_bytes(b"\0" * 10240)
    (suppl / "filelist.txt").write_text(
        "Archive\tGSE1_RAW.tar\t\t10240\tTAR\nFile\t../../etc/passwd\t\t1\tTXT\nFile\tGSM1\x1b[2J\x0b=cmd.txt\t\t1\tTXT\n"
        "Archive\t../../GSE1_evil_RAW.tar\t\t1\tTAR\nFile\tGSM2.txt\t\t1\tTXT\n"
    )
    fetch(server.url, tmp_path / "geo")
    rows = (tmp_path / "geo/listing.tsv").read_text().splitlines()
    assert all(row.count("\t") == 5 for row in rows)
    assert all(row.replace("\t", "").isprintable() for row in rows)
    assert not any("evil" in row for row in rows)
    assert files_below(tmp_path / "geo") >= {
        "GSE1_counts.csv.gz",
        "GSE1_family.soft.gz",
        "listing.tsv",
    }


def test_names_in_the_record_cannot_lead_elsewhere(server: Any, tmp_path: Path) -> None:
    server.index = False
    lines = [
        "ftp://h/../../GSE1_a.csv",
        "GSE1_/../../x.csv",
        "..",
        "ftp://h/GSE1_b\x1b.csv",
        "ftp://h/GSE2_other.csv",
        "ftp://h/GSE1_counts.csv.gz",
    ]
    soft = SOFT.replace(
        b"^SAMPLE",
        b"".join(f"!Series_supplementary_file = {line}\n".encode() for line in lines) + b"^SAMPLE",
    )
    (server.root / "series/GSEnnn/GSE1/soft/GSE1_family.soft.gz").write_bytes(gzip.compress(soft))
    assert fetch(server.url, tmp_path / "geo") == ["GSE1_counts.csv.gz", "GSE1_family.soft.gz"]
    assert not any(asked.path.endswith(("x.csv", "other.csv")) for asked in server.asked)


def test_relation_cannot_lead_elsewhere() -> None:
    relations = [
        "SuperSeries of: GSE2/../../x",
        "SuperSeries of: GSE12345678",
        "SuperSeries of: ../GSE3",
        "SuperSeries of: GSE4",
    ]
    assert addresses.parts_of(relations) == ["GSE4"]


def test_huge_gzip_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.soft.gz"
    path.write_bytes(gzip.compress(bytes(48 * 2**20), 1))
    tracemalloc.start()
    try:
        integrity.check(path, path.name)
        checked = tracemalloc.get_traced_memory()[1]
        read_header([path])
        assert checked < 8 * 2**20
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    finally:
        tracemalloc.stop()


def test_full_disk_is_refused_before_the_transfer(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1000})())
    with pytest.raises(InputError, match="too little room") as refused:
        fetch(server.url, tmp_path / "geo")
    assert not any(path.name.endswith((".gz", ".part")) for path in (tmp_path / "geo").rglob("*"))
    assert "--directory" in refused.value.remedy


def test_body_without_a_length_cannot_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(2**20)

    monkeypatch.setattr(
        "shutil.disk_usage", lambda folder: type("Usage", (), {"free": 100 * 2**20})()
    )
    with download.session(
        "http://example.org", tmp_path / "geo", FAST, logging.getLogger("test")
    ) as opened:
        opened.remote._client.close()
        opened.remote._client = httpx.Client(
            transport=httpx.MockTransport(lambda request: httpx.Response(200, content=endless()))
        )
        with pytest.raises(InputError, match="too little room"):
            opened.fetch(
                addresses.SeriesUrls("http://example.org", "GSE1"),
                "http://example.org/x.tar",
                tmp_path / "geo/x.tar",
            )


def test_no_more_than_three_requests_a_second_to_a_host(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (server.root / "index").mkdir()
    clock = [1.8e9]

    def wait(seconds: float) -> bool:
        clock[0] += seconds
        return False

    monkeypatch.setattr(rate_limit, "time", SimpleNamespace(time=lambda: clock[0]))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    times = []
    with Remote(Connection()) as remote:
        monkeypatch.setattr(remote.stop, "wait", wait)
        for _ in range(5):
            remote.text(f"{server.url}/index/")
            times.append(clock[0])
    assert server.count("/index/") == 5
    assert all(later - earlier >= 1.0 for earlier, later in zip(times, times[3:], strict=False))
