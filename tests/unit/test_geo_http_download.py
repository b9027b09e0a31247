"""One file over HTTP with everything that can go wrong on the way."""

import gzip
import hashlib
import logging
import os
import random
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import geo_server
from epigpt.errors import InputError
from epigpt.transport import http_client, integrity
from epigpt.transport.http_answers import NotServed
from epigpt.transport.http_client import Connection, Remote
from epigpt.transport.http_download import fetch
from epigpt.transport.progress import Progress
from epigpt.transport.rate_limit import LowestRate, TooSlow
from epigpt.transport.resume import Fetched

RANDOM = random.Random(1)
FAST = Connection(retries=3, backoff_seconds=0.01, timeout_seconds=1.0, requests_per_second=2000.0)
BODY = gzip.compress(RANDOM.randbytes(300_000))
Fetch = Callable[..., Fetched]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Any]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "a.txt.gz").write_bytes(BODY)
    with geo_server.GeoServer(folder) as running:
        yield running


@pytest.fixture
def fetched(server: Any, tmp_path: Path) -> Fetch:
    def fetch_one(name: str = "a.txt.gz", connection: Connection = FAST) -> Fetched:
        log = logging.getLogger("test")
        with Remote(connection) as remote, Progress(log, terminal=False) as progress:
            return fetch(
                remote,
                f"{server.url}/{name}",
                tmp_path / "geo" / name,
                tmp_path / "geo/.partial",
                progress.file(name),
            )

    return fetch_one


def body(tmp_path: Path, name: str = "a.txt.gz") -> bytes:
    return (tmp_path / "geo" / name).read_bytes()


def half_here(tmp_path: Path, server: Any, fetched: Fetch) -> int:
    """Break a download off in the middle, as a kill would, and give the bytes that are here."""
    server.fail("a.txt.gz", "short", 1)
    with pytest.raises(InputError, match="server trouble"):
        fetched(connection=Connection(retries=0, backoff_seconds=0, requests_per_second=2000.0))
    assert not (tmp_path / "geo/a.txt.gz").exists()
    return (tmp_path / "geo/.partial/a.txt.gz.part").stat().st_size


def test_file_arrives_whole_with_its_checksum(server: Any, fetched: Fetch, tmp_path: Path) -> None:
    line = fetched()
    assert body(tmp_path) == BODY
    assert (line.file, line.url, line.bytes) == ("a.txt.gz", f"{server.url}/a.txt.gz", len(BODY))
    assert line.sha256 == integrity.sha256(server.root / "a.txt.gz")
    assert not list((tmp_path / "geo/.partial").glob("*.part"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", ["503", "500", "429 retry-after 0", "408", "reset", "short", "stall", "longer", "slow"]
)
def test_passing_faults_lose_nothing(
    fault: str, server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    server.fail("a.txt.gz", fault, 2)
    fetched()
    assert body(tmp_path) == BODY


@pytest.mark.parametrize("fault", ["503", "429 retry-after 0", "reset", "short", "longer"])
def test_passing_faults_lose_nothing_without_ranges_and_validators(
    fault: str, server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    server.ranges = server.etags = server.dates = False
    server.fail("a.txt.gz", fault, 2)
    fetched()
    assert body(tmp_path) == BODY


def test_broken_transfer_continues_where_it_stopped(
    server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    have = half_here(tmp_path, server, fetched)
    assert have == len(BODY) // 2
    fetched()
    assert [(asked.range, asked.status) for asked in server.asked] == [
        (None, 200),
        (f"bytes={have}-", 206),
    ]
    assert body(tmp_path) == BODY


@pytest.mark.parametrize("validator", ["etags", "dates", "length"])
def test_changed_file_is_fetched_from_its_first_byte(
    validator: str, server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    server.etags, server.dates = validator == "etags", validator == "dates"
    half_here(tmp_path, server, fetched)
    changed = gzip.compress(RANDOM.randbytes(300_100 if validator == "length" else 300_000))
    (server.root / "a.txt.gz").write_bytes(changed)
    os.utime(server.root / "a.txt.gz", (1e9, 1e9))
    fetched()
    assert body(tmp_path) == changed


@pytest.mark.parametrize("if_range", [True, False])
@pytest.mark.parametrize("length", [60_000, 100_000, 40_000])
def test_two_versions_are_never_joined(
    if_range: bool, length: int, server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    (server.root / "b.csv").write_bytes(RANDOM.randbytes(100_000))
    server.fail("b.csv", "short", 1)
    with pytest.raises(InputError, match="server trouble"):
        fetched("b.csv", Connection(retries=0, backoff_seconds=0, requests_per_second=2000.0))
    changed = RANDOM.randbytes(length)
    (server.root / "b.csv").write_bytes(changed)
    server.if_range = (
        if_range  # a server that ignores the condition sends the rest of the other version
    )
    fetched("b.csv")
    assert body(tmp_path, "b.csv") == changed
    assert len([asked for asked in server.asked if asked.range is None]) == (1 if if_range else 2)


def test_changed_file_of_equal_length_without_validators_is_noticed_by_gzip(
    server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    server.etags = server.dates = False
    half_here(tmp_path, server, fetched)
    changed = gzip.compress(RANDOM.randbytes(300_000))
    assert len(changed) == len(BODY)
    (server.root / "a.txt.gz").write_bytes(changed)
    fetched()
    assert body(tmp_path) == changed


def test_part_without_any_check_of_its_own_is_not_continued(
    server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    server.etags = server.dates = False
    (server.root / "b.csv").write_bytes(RANDOM.randbytes(100_000))
    server.fail("b.csv", "short", 1)
    fetched("b.csv")
    assert [asked.range for asked in server.asked] == [None, None]
    assert body(tmp_path, "b.csv") == (server.root / "b.csv").read_bytes()


def test_server_that_ignores_ranges_starts_anew(
    server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    half_here(tmp_path, server, fetched)
    server.ranges = False
    fetched()
    assert server.asked[-1].status == 200
    assert body(tmp_path) == BODY


def test_complete_part_is_checked_and_kept(server: Any, fetched: Fetch, tmp_path: Path) -> None:
    half_here(tmp_path, server, fetched)
    (tmp_path / "geo/.partial/a.txt.gz.part").write_bytes(
        BODY
    )  # killed after the last byte, before the check
    fetched()
    assert server.asked[-1].status == 416
    assert body(tmp_path) == BODY


def test_unchanged_file_is_not_fetched_again(server: Any, fetched: Fetch, tmp_path: Path) -> None:
    first = fetched()
    assert fetched() == first
    assert [asked.status for asked in server.asked] == [200, 304]


@pytest.mark.parametrize(("etags", "dates"), [(True, False), (False, True), (False, False)])
def test_unchanged_file_is_kept_though_the_server_knows_no_conditions(
    etags: bool, dates: bool, server: Any, fetched: Fetch
) -> None:
    server.conditions, server.etags, server.dates = False, etags, dates
    first = fetched()
    (server.root / "a.txt.gz").touch() if etags else None
    assert fetched() == first
    assert [asked.status for asked in server.asked] == [200, 200]
    changed = gzip.compress(RANDOM.randbytes(300_001))
    (server.root / "a.txt.gz").write_bytes(changed)
    os.utime(server.root / "a.txt.gz", (1e9, 1e9))
    assert fetched().sha256 == hashlib.sha256(changed).hexdigest()


@pytest.mark.parametrize(
    "damage", [b"", BODY[:1000], BODY[:-1] + b"x"], ids=["empty", "cut", "changed"]
)
def test_file_that_was_damaged_here_is_fetched_again(
    damage: bytes, server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    first = fetched()
    (tmp_path / "geo/a.txt.gz").write_bytes(damage)
    assert fetched().sha256 == first.sha256
    assert body(tmp_path) == BODY


def test_run_killed_between_check_and_final_name_is_finished(
    server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    first = fetched()
    (tmp_path / "geo/a.txt.gz").rename(tmp_path / "geo/.partial/a.txt.gz.part")
    assert fetched() == first
    assert server.asked[-1].status == 304


@pytest.mark.parametrize("note", ["", "{", '{"url": 5}', '{"unknown": 1}', "[]"])
def test_unreadable_note_means_a_fresh_start(
    note: str, server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    half_here(tmp_path, server, fetched)
    (tmp_path / "geo/.partial/a.txt.gz.json").write_text(note)
    fetched()
    assert body(tmp_path) == BODY


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["503", "reset", "stall"])
def test_lasting_trouble_says_how_often_it_was_tried(
    fault: str, server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    server.fail("a.txt.gz", fault)
    server.ranges = False
    patience = Connection(
        retries=2, backoff_seconds=0.01, timeout_seconds=0.3, requests_per_second=2000.0
    )
    with pytest.raises(InputError) as refused:
        fetched(connection=patience)
    assert refused.value.found.startswith("server trouble")
    assert "3 tries" in refused.value.why
    assert server.count("a.txt.gz") == 3
    assert not (tmp_path / "geo/a.txt.gz").exists()


@pytest.mark.slow
def test_tries_that_get_further_do_not_count(server: Any, fetched: Fetch, tmp_path: Path) -> None:
    large = gzip.compress(RANDOM.randbytes(40 * 2**20), 0)
    (server.root / "a.txt.gz").write_bytes(large)
    server.fail("a.txt.gz", "short", 4)  # each brings half of the rest: 20, 10, 5, 2.5 MB
    fetched(connection=Connection(retries=0, backoff_seconds=0, requests_per_second=2000.0))
    assert body(tmp_path) == large


def test_unreachable_server_is_told_from_a_missing_file(
    fetched: Fetch, server: Any, tmp_path: Path
) -> None:
    with (
        Remote(Connection(retries=1, backoff_seconds=0.0)) as remote,
        pytest.raises(InputError, match="no connection") as refused,
    ):
        remote.text("http://127.0.0.1:9/")
    assert "geo.base_url" in refused.value.remedy
    with pytest.raises(NotServed):
        fetched("absent.gz")


@pytest.mark.parametrize(("status", "tries"), [("404", 1), ("403", 1), ("410", 1)])
def test_final_answers_are_not_asked_for_again(
    status: str, tries: int, server: Any, fetched: Fetch
) -> None:
    server.fail("a.txt.gz", status)
    with pytest.raises(NotServed) as missing:
        fetched()
    assert missing.value.status == int(status)
    assert server.count("a.txt.gz") == tries


def test_retry_after_is_kept_to(
    server: Any, fetched: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[tuple[int, float]] = []

    class Event(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append((len(server.asked), timeout or 0.0))
            return self.is_set()

    monkeypatch.setattr(http_client, "threading", SimpleNamespace(Event=Event))
    server.fail("a.txt.gz", "429 retry-after 7", 1)
    fetched()
    assert len(server.asked) == 2
    assert (1, 7.0) in waited


def test_pause_beyond_patience_is_refused(server: Any, fetched: Fetch) -> None:
    server.fail("a.txt.gz", "503 retry-after 86400")
    with pytest.raises(InputError, match="86400 s"):
        fetched()


def test_page_instead_of_a_file_is_noticed(server: Any, fetched: Fetch, tmp_path: Path) -> None:
    server.fail("a.txt.gz", "html")
    with pytest.raises(integrity.Damaged, match="HTML page") as damaged:
        fetched()
    assert "Please" in damaged.value.page
    assert not list((tmp_path / "geo").glob("*.gz"))
    assert not list((tmp_path / "geo/.partial").glob("*"))


@pytest.mark.parametrize(
    ("fault", "words"), [("truncated", "truncated gzip"), ("shorter", "truncated gzip")]
)
def test_lasting_damage_is_refused_after_a_second_fetch(
    fault: str, words: str, server: Any, fetched: Fetch, tmp_path: Path
) -> None:
    server.fail("a.txt.gz", fault)
    server.ranges = False
    with pytest.raises(InputError, match=words) as refused:
        fetched()
    assert "matrix" in refused.value.remedy
    assert server.count("a.txt.gz") == 2
    assert not (tmp_path / "geo/a.txt.gz").exists()


@pytest.mark.parametrize("fault", ["truncated", "shorter"])
def test_damage_on_the_way_heals(fault: str, server: Any, fetched: Fetch, tmp_path: Path) -> None:
    server.fail("a.txt.gz", fault, 1)
    fetched()
    assert body(tmp_path) == BODY


def test_cut_archives_are_noticed(server: Any, fetched: Fetch, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "whole.tar", "w") as archive:
        archive.add(server.root / "a.txt.gz", "GSM1.txt.gz")
        archive.add(server.root / "a.txt.gz", "GSM2.txt.gz")
    whole = (tmp_path / "whole.tar").read_bytes()
    for length in (len(whole) // 4, len(whole) * 3 // 4, 700, 0):
        (server.root / "x.tar").write_bytes(whole[:length])
        with pytest.raises(InputError, match="tar archive"):
            fetched("x.tar")
    (server.root / "x.tar").write_bytes(whole)
    assert fetched("x.tar").bytes == len(whole)
    (server.root / "x.xlsx").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(InputError, match="zip"):
        fetched("x.xlsx")


def test_a_server_that_sends_a_byte_a_second_is_noticed() -> None:
    now = [0.0]
    rate = LowestRate(bytes_a_second=100, seconds=60, clock=lambda: now[0])
    for _ in range(59):
        now[0] += 1
        rate.came(1)
    now[0] += 1
    with pytest.raises(TooSlow, match="60 bytes in 60 s"):
        rate.came(1)


def test_a_slow_but_steady_transfer_goes_on() -> None:
    now = [0.0]
    rate = LowestRate(bytes_a_second=100, seconds=60, clock=lambda: now[0])
    for _ in range(600):
        now[0] += 1
        rate.came(150)
