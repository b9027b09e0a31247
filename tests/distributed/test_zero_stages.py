"""Every ZeRO stage, on one process and two, follows a plain AdamW loop."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

STEPS = 20
TOLERANCE = 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_losses_and_weights_are_those_of_a_plain_loop(run: Any, forge: Any, processes: int) -> None:
    assert (
        forge.run("curves", processes, folder=str(run.folder), settings=run.settings, steps=STEPS)
        == [0] * processes
    )
    plain = _read(run.folder / f"curve{processes}-plain.npz")
    assert plain["losses"][-1] < plain["losses"][0] - 1e-3, "nothing was learnt"
    for stage in range(4):
        curve = _read(run.folder / f"curve{processes}-{stage}.npz")
        assert curve.keys() == plain.keys()
        for name in plain:
            np.testing.assert_allclose(
                curve[name], plain[name], rtol=0, atol=TOLERANCE, err_msg=f"stage {stage}, {name}"
            )


@pytest.mark.slow
def test_gradients_of_micro_batches_are_added_in_fp32_on_several_devices(
    run: Any, forge: Any
) -> None:
    asked = {"folder": str(run.folder), "settings": run.settings}
    assert forge.run("accumulated", 2, **asked) == [0, 0]
    plain = _read(run.folder / "accumulated-plain.npz")
    for stage in (2, 3):
        curve = _read(run.folder / f"accumulated{stage}.npz")
        assert curve.keys() == plain.keys()
        # The model computes in bf16, the plain loop in fp32.
        np.testing.assert_allclose(curve["losses"], plain["losses"], atol=4e-3)


def test_deepspeed_itself_accepts_the_configuration_of_xl(forge: Any) -> None:
    assert forge.run("validate") == [0]


def _read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as content:
        return dict(content)
