"""What a machine is found to offer, and what is left on it."""

import os
import time
from pathlib import Path

import pytest

from epigpt.training import machine


def test_a_killed_compilation_leaves_no_lock_and_one_that_is_alive_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    old = time.time() - 2 * machine.DEAD_AFTER_SECONDS
    for name, compiled in (("dead", old), ("alive", time.time())):
        folder = tmp_path / "py311_cpu" / name
        folder.mkdir(parents=True)
        for file, moment in (("lock", old), ("part.o", compiled)):
            (folder / file).touch()
            os.utime(folder / file, (moment, moment))
    machine.forget_dead_compilations()
    assert [path.parent.name for path in tmp_path.rglob("lock")] == ["alive"]
    assert len(list(tmp_path.rglob("part.o"))) == 2
