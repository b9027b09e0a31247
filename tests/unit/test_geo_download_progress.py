"""What is shown of a download under way."""

import logging
import re

import pytest

from epigpt.transport import progress


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_877_440, "2.9 MB"), (5 * 10**13, "50.0 TB")],
)
def test_sizes_for_people(count: int, text: str) -> None:
    assert progress.size(count) == text


def test_without_a_terminal_a_line_now_and_then(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    with (
        caplog.at_level(logging.INFO),
        progress.Progress(logging.getLogger("test"), terminal=False) as shown,
    ):
        file = shown.file("a.tar")
        for second in range(100):
            clock[0] = float(second)
            file.at(second * 10**6, 10**8)
    assert caplog.messages == [
        "a.tar: 30.0 MB of 100.0 MB",
        "a.tar: 60.0 MB of 100.0 MB",
        "a.tar: 90.0 MB of 100.0 MB",
    ]


def test_on_a_terminal_a_bar_for_each_file_that_is_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with progress.Progress(logging.getLogger("test"), terminal=True) as shown:
        shown.file("absent.gz")
        for name in ("GSE1_[red]a.gz", "GSE1_b.gz"):
            shown.file(name).at(1000, 1000)
    drawn = capsys.readouterr().err
    assert re.search(r"GSE1_\[red\]a\.gz.*1\.0/1\.0 kB", drawn)
    assert "GSE1_b.gz" in drawn
    assert "absent" not in drawn
