"""What `auto` stands for: the model that suits the hardware, its weights, and how it is tuned."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from epigpt.models import presets, published, weights_check
from epigpt.models.presets import HardwarePreset, ModelPreset

# The workflow's own files import this module at every start.
if TYPE_CHECKING:
    from epigpt.config.settings import Settings

AUTO = "auto"
WITHOUT_GPU = "tiny"
# The largest first.
WITH_GPU = ("gpt2-xl", "gpt2-large", "gpt2-medium", "gpt2")
# Frozen blocks and, after the last step, the finished model in fp32; beside them libraries,
# adapters and their optimizer, a small batch's activations.
BYTES_OF_A_WEIGHT = {"bf16": 6, "fp32": 8}
ROOM_BESIDE_WEIGHTS = 4_000_000_000


@dataclass(frozen=True)
class Devices:
    """What training will compute on.

    Attributes
    ----------
    name
        For messages: a hardware preset, or "this machine".
    gpu_bytes
        Memory of one GPU; 0: there is none.
    note
        Why GPUs that are there cannot be used; empty otherwise.
    bf16
        Whether they compute in bf16, else in fp32.
    """

    name: str
    gpu_bytes: int = 0
    note: str = ""
    bf16: bool = True

    @classmethod
    def of_hardware(cls, hardware: HardwarePreset) -> "Devices":
        """Make what a hardware preset promises."""
        gpu_gb = hardware.device_memory_gb if hardware.device == "cuda" else 0
        return cls(f"hardware {hardware.name}", int(gpu_gb * 1e9), bf16=hardware.bf16)


def resolve(settings: "Settings", devices: Devices) -> "Settings":
    """Replace `auto` in model, weights, tuning and pretraining.weights. The key learning_rate keeps
    it: the rates of a recipe are several, and a variant with random weights has others.

    Raises
    ------
    InputError
        Weights in a folder that are none of a GPT-2, where they decide the model.
    """
    model, weights = settings.model, settings.weights
    if model == AUTO:
        local = published.local(weights)
        model = weights_check.model_of(local) if local else model_for(devices)
    published_ones = presets.load(model).weights != published.NONE
    if weights == AUTO:
        weights = published.PRESET if published_ones else published.NONE
        if settings.corpus and settings.encoding not in published.TEXT_ENCODINGS:
            weights = published.CORPUS
    pretraining = settings.pretraining
    if pretraining.weights == AUTO:
        start = published.PRESET if published_ones else published.NONE
        pretraining = pretraining.model_copy(update={"weights": start})
    tuning = settings.tuning
    if tuning == AUTO:
        # A small model has no weights to spare.
        small = weights == published.CORPUS and model == WITHOUT_GPU
        tuning = "full" if weights == published.NONE or small else "lora"
    taken = {"model": model, "weights": weights, "tuning": tuning, "pretraining": pretraining}
    return settings.model_copy(update=taken)


def model_for(devices: Devices) -> str:
    """Name the largest preset whose adapters train on one of these GPUs; `tiny` without GPUs."""
    each = BYTES_OF_A_WEIGHT["bf16" if devices.bf16 else "fp32"]
    for name in WITH_GPU:
        weights = each * presets.load(name).parameters()
        if weights + ROOM_BESIDE_WEIGHTS <= devices.gpu_bytes:
            return name
    return WITHOUT_GPU


def sentence(asked: "Settings", taken: "Settings", devices: Devices) -> str:
    """Return what is trained and why, for whoever is about to start a run."""
    preset = presets.load(taken.model)
    gpus = f"GPUs of {devices.gpu_bytes / 1e9:.0f} GB" if devices.gpu_bytes else "no GPU"
    reason = "its weights" if published.local(taken.weights) else f"{devices.name} has {gpus}"
    why = f" (auto: {reason})" if asked.model == AUTO else ""
    note = f"\n{devices.note}" if devices.note and asked.model == AUTO else ""
    return (
        f"Model: {taken.model}{why}, {_start(taken.weights, preset)}, tuning {taken.tuning},"
        f" {rates_in_words(taken, preset)}.{note}"
    )


def _start(weights: str, preset: ModelPreset) -> str:
    if weights == published.NONE:
        return "random weights"
    if weights == published.CORPUS:
        return "weights learnt from the corpus"
    return f"weights {preset.weights if weights == published.PRESET else weights}"


def rates_in_words(taken: "Settings", preset: ModelPreset) -> str:
    """Return the peak learning rates of a resolved configuration in words."""
    pretrained = taken.weights != published.NONE
    rates = preset.recipe.rates(taken.tuning, pretrained, taken.learning_rate)
    if taken.tuning == "frozen":
        return f"learning rate {rates.head:g}"
    if rates.matrices == rates.embeddings == rates.head:
        return f"learning rate {rates.matrices:g}"
    kind = "adapters" if taken.tuning == "lora" else "matrices"
    return (
        f"learning rates {rates.matrices:g} ({kind}), {rates.embeddings:g} (embeddings),"
        f" {rates.head:g} (head)"
    )
