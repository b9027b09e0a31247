"""Reading and writing checkpoint files, without a training around them."""

from pathlib import Path

import pytest
import torch

from epigpt.training import checkpoint


def _mapped(folder: Path) -> int:
    """Count the files of a folder that this process has mapped: what it has read of them is its
    memory."""
    return len(
        {
            line.split()[-1]
            for line in Path("/proc/self/maps").read_text().splitlines()
            if str(folder) in line
        }
    )


def test_a_checkpoint_of_many_files_is_read_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "SHARD_BYTES", 40_000)
    written = {f"layer{number}": torch.full((10_000,), float(number)) for number in range(5)}
    writer = checkpoint._Writer(tmp_path / "step-00000001")
    for name, tensor in written.items():
        writer.add(f"weight:{name}", tensor)
    writer.close({"step": 1, "extra": {}})
    assert len(list((tmp_path / "step-00000001").glob("*.safetensors"))) == 5
    reader = checkpoint._Reader(tmp_path / "step-00000001")
    for name in [*written, "layer0"]:  # another number of processes asks in another order
        assert torch.equal(reader.tensor(name, "weight"), written[name])
    assert _mapped(tmp_path) == 1
