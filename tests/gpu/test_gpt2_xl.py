"""GPT-2 XL on a GPU: memory under the plan, bf16 against fp32, and how much of the card's speed is
used."""

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from epigpt.models import presets
from epigpt.training import launch, training_loop

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not torch.cuda.is_available(), reason="no GPU: torch.cuda.is_available() is false"
    ),
    # Torch and DeepSpeed warn of each other's coming changes.
    pytest.mark.filterwarnings("default"),
]
GENES = 20_000


@pytest.fixture(scope="module")
def synthetic(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "synthetic_tokens", root / "tests" / "synthetic_tokens.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def placement() -> Iterator[launch.Placement]:
    yield launch.start(4)
    launch.stop()


def _lines(session: training_loop.Session) -> list[dict[str, float]]:
    lines: list[dict[str, float]] = []
    training_loop.train(session, lambda **fields: lines.append(fields))
    return lines


def test_xl_stays_under_its_plan_and_uses_half_of_the_card(
    synthetic: ModuleType, placement: launch.Placement
) -> None:
    if torch.cuda.get_device_properties(0).total_memory < 70e9:
        pytest.skip(f"{torch.cuda.get_device_name(0)} has less than 70 GB")
    torch.cuda.reset_peak_memory_stats()
    tokens = synthetic.store(256, 1024, GENES)
    session = synthetic.session(
        presets.load("gpt2-xl"), tokens, placement, precision="auto", global_batch_size=16, steps=20
    )
    assert session.plan.precision == "bf16"
    lines = _lines(session)
    assert len(lines) == 20
    assert lines[-1]["memory_bytes"] <= session.plan.bytes["total"]
    steady = sorted(line["utilisation"] for line in lines[5:])
    print(
        f"XL: peak {lines[-1]['memory_bytes'] / 1e9:.1f} of {session.plan.bytes['total'] / 1e9:.1f}"
        f" GB, utilisation {steady[7]:.2f}"
    )
    assert steady[7] >= 0.5


def test_bf16_follows_fp32(synthetic: ModuleType, placement: launch.Placement) -> None:
    tokens = synthetic.store(256, 256, GENES)
    preset = replace(presets.load("gpt2"), name="gpt2")
    losses = {}
    for precision in ("fp32", "bf16"):
        lines = _lines(
            synthetic.session(
                preset, tokens, placement, precision=precision, global_batch_size=16, steps=20
            )
        )
        losses[precision] = torch.tensor([line["loss"] for line in lines])
    assert (losses["bf16"] - losses["fp32"]).abs().max() < 0.05
