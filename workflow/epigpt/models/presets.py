"""Model and hardware presets: small YAML files under workflow/presets, read with every key
checked."""

from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from epigpt.errors import InputError, nearest_name
from epigpt.models import recipes, shapes
from epigpt.models.recipes import TrainingRecipe
from epigpt.models.shapes import Shape

FOLDER = Path(__file__).resolve().parents[2] / "presets"

# So small that a GPU gains them nothing.
ON_CPUS = ("tiny",)
# Weights of folds larger than this are not kept unless the user wants them.
SMALL_BYTES = 1_000_000_000
PUBLISHED = ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")
GPT2_PIECES = 50_257


@dataclass(frozen=True)
class ModelPreset:
    """Architecture of a GPT-2, where its published weights are, and how it is trained.

    Attributes
    ----------
    layers, width, heads, positions, vocabulary
        As in GPT-2's configuration (n_layer, n_embd, n_head, n_positions, vocab_size).
    dropout
        For embeddings, attention and residual paths alike.
    weights
        Hub id of the published weights, or "none".
    recipe
        Learning rates and start.
    """

    name: str
    layers: int
    width: int
    heads: int
    positions: int
    vocabulary: int
    dropout: float
    weights: str
    recipe: TrainingRecipe

    def parameters(self, vocabulary: int | None = None) -> int:
        """Count the parameters without a classification head; `vocabulary` tokens instead of
        GPT-2's own.

        Per block 12 width² + 13 width (attention 4, feed-forward 8, biases and two layer norms),
        embeddings of tokens and positions, the last layer norm.
        """
        tokens = self.vocabulary if vocabulary is None else vocabulary
        blocks = self.layers * (12 * self.width**2 + 13 * self.width)
        return (tokens + self.positions) * self.width + blocks + 2 * self.width

    @property
    def shape(self) -> Shape:
        """What weights must have to fit."""
        return Shape(self.layers, self.width, self.heads, self.positions)

    @property
    def architecture(self) -> dict[str, Any]:
        """What the preset's file describes apart from its name and where its weights are."""
        kept = asdict(self)
        return {key: kept[key] for key in kept if key not in ("name", "weights")}

    @property
    def weight_bytes(self) -> int:
        """Size of the finished weights with GPT-2's vocabulary, stored in fp32."""
        return 4 * self.parameters()


@dataclass(frozen=True)
class HardwarePreset:
    """The machines of a training job.

    Attributes
    ----------
    nodes, devices
        Nodes, and devices (GPUs or CPU processes) on each.
    device
        "cuda" or "cpu".
    device_memory_gb, node_memory_gb
        Memory of one device and of one node in 1e9 bytes; 0: the machine's own.
    bf16
        Whether the devices compute in bf16.
    measured_tflops
        Peak measured on one device, 1e12 operations per second.
    hours
        Time a job may take.
    """

    name: str
    nodes: int
    devices: int
    device: str
    device_memory_gb: float
    node_memory_gb: float
    bf16: bool
    measured_tflops: float
    hours: float


Preset = TypeVar("Preset", ModelPreset, HardwarePreset)


def load(name: str) -> ModelPreset:
    """Read workflow/presets/models/`name`.yaml, or make the preset of a shape such as gpt2-6x768
    (`epigpt.models.shapes`)."""
    shape = shapes.read(name)
    if shape is None or name in names("models"):
        return _read(ModelPreset, "models", name)
    return ModelPreset(
        name=name,
        layers=shape.layers,
        width=shape.width,
        heads=shape.heads,
        positions=shape.positions,
        vocabulary=GPT2_PIECES,
        dropout=0.0,
        weights="none",
        recipe=recipes.for_width(
            shape.width, [(one.width, one.recipe) for one in map(load, PUBLISHED)]
        ),
    )


def of_shape(shape: Shape) -> str:
    """Name the preset of a shape, the shape itself where no file describes it."""
    fitting = [
        name
        for name in names("models")
        if fits(load(name), shape) and load(name).positions == shape.positions
    ]
    return fitting[0] if fitting else shape.name


def fits(preset: ModelPreset, shape: Shape) -> bool:
    """Return whether weights of a shape suit a preset, which may use fewer positions."""
    own = preset.shape
    same = (own.layers, own.width, own.heads) == (shape.layers, shape.width, shape.heads)
    return same and own.positions <= shape.positions


def keeps_folds(preset: ModelPreset, asked: bool) -> bool:
    """Return whether the whole weights of folds are kept, by their size and the key
    keep_fold_weights."""
    return asked or preset.weight_bytes <= SMALL_BYTES


def hardware(name: str) -> HardwarePreset:
    """Read workflow/presets/hardware/`name`.yaml."""
    return _read(HardwarePreset, "hardware", name)


def names(kind: str) -> list[str]:
    """List the presets of a kind, "models" or "hardware"."""
    return sorted(path.stem for path in (FOLDER / kind).glob("*.yaml"))


def _read(kind: type[Preset], folder: str, name: str) -> Preset:
    path = FOLDER / folder / f"{name}.yaml"
    if name not in names(folder):
        known = names(folder)
        shape = ", a shape such as gpt2-6x768 (layers and width)" if folder == "models" else ""
        raise InputError(
            f"no preset {name!r}",
            str(path.parent),
            f"known are: {', '.join(known)}",
            f"use {nearest_name(name, known) or known[0]}{shape}, or add {path.name}",
        )
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return _filled(kind, {"name": name, **content}, path)


Part = TypeVar("Part")


def _filled(kind: type[Part], content: Any, path: Path, within: str = "") -> Part:
    """Build a dataclass from a mapping with exactly its keys; `within` is its section."""
    wanted: dict[str, Any] = {field.name: field.type for field in fields(kind)}  # type: ignore[arg-type]
    own = ", ".join(key for key in wanted if key != "name")
    if not isinstance(content, dict):
        raise InputError(
            f"{within.rstrip('.')}: {content!r}",
            str(path),
            f"is a section with the keys {own}",
            "correct the file",
        )
    for key in sorted(content.keys() ^ wanted.keys()):
        found = f"unknown key {within + key!r}" if key in content else f"no key {within + key!r}"
        raise InputError(
            found, str(path), f"a preset has exactly the keys {own}", "correct the file"
        )
    values = {}
    for key, value in content.items():
        if is_dataclass(wanted[key]):
            values[key] = _filled(wanted[key], value, path, f"{within}{key}.")
            continue
        _check(f"{within}{key}", value, wanted[key], path)
        values[key] = value
    return kind(**values)


def _check(key: str, value: Any, kind: type, path: Path) -> None:
    allowed = {int: int, float: (int, float), bool: bool, str: str}[kind]
    if not isinstance(value, allowed) or (isinstance(value, bool) and kind is not bool):  # type: ignore[arg-type]
        hint = "correct the file"
        if kind is float and isinstance(value, str):
            hint += "; YAML reads a power of ten only with a point, as in 1.0e-3"
        raise InputError(f"{key}: {value!r}", str(path), f"must be of type {kind.__name__}", hint)
    if key == "recipe.start" and value not in recipes.STARTS:
        raise InputError(
            f"{key}: {value!r}",
            str(path),
            f"must be one of {', '.join(recipes.STARTS)}",
            "correct the file",
        )
    if key.startswith("recipe.") and kind is float and not value > 0:
        raise InputError(
            f"{key}: {value!r}", str(path), "a learning rate is above 0", "correct the file"
        )
