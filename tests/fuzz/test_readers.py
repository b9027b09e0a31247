"""Every reader of foreign files over changed ones: no traceback, no hang, bounded memory, nothing
lost without a word.

`make fuzz` runs rounds of this with other seeds, for hours; here is a share that is always the
same. Set EPIGPT_FUZZ_EXAMPLES for more of it.
"""

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epigpt.errors import InputError
from fuzz import changes as fuzz_changes
from fuzz.kinds import KINDS, original

EXAMPLES = int(os.environ.get("EPIGPT_FUZZ_EXAMPLES", "8"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_file_is_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / KINDS[kind].name
    path.write_bytes(original(kind))
    KINDS[kind].read(path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_file_is_read_or_refused(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def read_changed(data: st.DataObject) -> None:
        content = original(kind)
        for change in data.draw(fuzz_changes.changes(KINDS[kind].text)):
            content = change.applied(content)
        path = tmp_path_factory.mktemp("fuzz") / KINDS[kind].name
        path.write_bytes(content)
        with contextlib.suppress(InputError):
            KINDS[kind].read(path)

    read_changed()
