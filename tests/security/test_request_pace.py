"""The pace of requests, which processes share: kept in a file that nobody else can write."""

import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from epigpt.transport import http_answers, rate_limit
from epigpt.transport.rate_limit import Pace

NOW = 1.8e9


@pytest.fixture(autouse=True)
def _a_clock_that_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "time", SimpleNamespace(time=lambda: NOW))


def test_pace_is_not_kept_where_others_can_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    ours = tmp_path / f"epigpt-{os.getuid()}"
    ours.mkdir()
    ours.chmod(0o777)
    pace = Pace(1.0)
    assert pace.reserve("host") == 0.0
    assert pace.reserve("host") == pytest.approx(1.05)  # the limit holds all the same
    assert list(ours.iterdir()) == []
    ours.rmdir()
    (tmp_path / "victim").mkdir()
    ours.symlink_to(tmp_path / "victim")
    Pace(1.0).reserve("host")
    assert list((tmp_path / "victim").iterdir()) == []


def test_pace_does_not_follow_a_link_or_trust_what_it_reads(tmp_path: Path) -> None:
    pace = Pace(10.0, tmp_path)
    pace.reserve("host")
    (kept,) = tmp_path.iterdir()
    for content in ("nonsense", "1e300", "nan", "-5", ""):
        kept.write_text(content)
        assert pace.reserve("host") == 0.0
    kept.unlink()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    kept.symlink_to(victim)
    pace.reserve("host")
    assert victim.read_text() == "precious"


def test_processes_share_the_pace(tmp_path: Path) -> None:
    waits = [Pace(10.0, tmp_path).reserve("host") for _ in range(4)]
    assert waits == pytest.approx([0.0, 0.105, 0.21, 0.315])
    assert Pace(10.0, tmp_path).reserve("other") == 0.0


def test_retry_after_is_read_as_seconds_or_a_date_only() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert http_answers.retry_after("7", now) == 7.0
    assert http_answers.retry_after("Thu, 01 Jan 2026 00:00:09 GMT", now) == 9.0
    for value in ("", "soon", "-5", "1e9", "Thu, 01 Jan 2020 00:00:00 GMT", "9" * 40, "\u0661"):
        assert http_answers.retry_after(value, now) == 0.0
