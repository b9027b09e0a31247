"""The hardware that a run computes on: what the user or the profile names, else this machine."""

from epigpt.models import presets
from epigpt.models.choice import Devices
from epigpt.models.presets import HardwarePreset
from epigpt.training import gpus

AUTO = "auto"


def find(named: str, own_torch: bool) -> tuple[HardwarePreset, Devices, int]:
    """Return the hardware preset, what `model: auto` is chosen by, and the number of this machine's
    GPUs that jobs share without a scheduler.

    Parameters
    ----------
    named
        A hardware preset, or `auto` for this machine.
    own_torch
        Whether trainings run with this interpreter's PyTorch, which must then be built for CUDA.

    Raises
    ------
    InputError
        No preset has this name.
    """
    if named != AUTO:
        chosen = presets.hardware(named)
        return chosen, Devices.of_hardware(chosen), 0
    here = gpus.usable(own_torch)
    devices = Devices("this machine", here.bytes_each, here.note)
    return presets.hardware("cpu"), devices, here.number
