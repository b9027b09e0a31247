"""Weights of GPT-2s of any shape, in a local folder: they work, or one message says what would."""

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from epigpt.config.settings import Settings
from epigpt.encoding.vocabulary import Vocabulary
from epigpt.errors import InputError
from epigpt.models import choice, classifier, presets, pretrained, shapes, weights_check
from epigpt.training import planning

CPU = choice.Devices("this machine")
GENES = Vocabulary(("ENS1", "ENS2", "ENS3"), ("Gfap", "GFAP", "gria1a"), "mouse")


def _folder(place: Path, kind: torch.dtype = torch.float32, **shape: Any) -> Path:
    torch.manual_seed(3)
    sizes = {"n_layer": 1, "n_embd": 64, "n_head": 1, **shape}
    GPT2LMHeadModel(GPT2Config(**sizes)).to(kind).save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _folder(tmp_path_factory.mktemp("small") / "weights")


@pytest.fixture
def copied(small: Path, tmp_path: Path) -> Path:
    """Its description, and its tensors to be changed."""
    folder = tmp_path / "copied"
    folder.mkdir()
    (folder / "config.json").write_bytes((small / "config.json").read_bytes())
    (folder / "model.safetensors").write_bytes((small / "model.safetensors").read_bytes())
    return folder


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("gpt2-6x768", (6, 768, 12, 1024)),
        ("gpt2-10x640", (10, 640, 10, 1024)),
        ("gpt2-3x96-4heads", (3, 96, 4, 1024)),
        ("gpt2-1x64-512positions", (1, 64, 1, 512)),
        ("gpt2-1x64-2heads-512positions", (1, 64, 2, 512)),
    ],
)
def test_a_name_says_the_shape_and_is_made_of_it(name: str, shape: tuple[int, ...]) -> None:
    preset = presets.load(name)
    assert (preset.layers, preset.width, preset.heads, preset.positions) == shape
    assert shapes.Shape(*shape).name == name
    assert presets.of_shape(preset.shape) == name
    assert preset.vocabulary == 50_257


@pytest.mark.parametrize("name", ["gpt2-0x64", "gpt2-6x0", "gpt2-6x100", "gpt2-6x64-3heads"])
def test_what_no_gpt2_can_be_is_an_unknown_preset(name: str) -> None:
    with pytest.raises(InputError, match="no preset") as refused:
        presets.load(name)
    wanted = re.search(r"a shape such as (\S+)", refused.value.remedy)
    assert wanted
    assert presets.load(wanted[1]).layers > 0


def test_the_recipe_of_a_width_lies_between_its_neighbours() -> None:
    for name in presets.PUBLISHED:
        known = presets.load(name)
        made = presets.load(f"gpt2-{known.layers}x{known.width}").recipe
        for kind in ("random", "full", "lora"):
            for part in ("matrices", "embeddings", "head"):
                wanted = getattr(getattr(known.recipe, kind), part)
                assert getattr(getattr(made, kind), part) == pytest.approx(wanted, rel=0.02)
    wider, largest = presets.load("gpt2-48x3200").recipe, presets.load("gpt2-xl").recipe
    assert wider.full.matrices == pytest.approx(largest.full.matrices / 2)
    assert wider.lora.matrices == pytest.approx(largest.lora.matrices / 2)
    narrow, next_up = (presets.load(f"gpt2-6x{width}").recipe for width in (256, 320))
    assert narrow.random.matrices == pytest.approx(3e-3 * 64 / 256)
    assert next_up.random.matrices == pytest.approx(1e-3 * 64 / 320)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ({"n_layer": 3, "n_embd": 96, "n_head": 4}, torch.float32),
        ({"n_positions": 512}, torch.float16),
        ({"n_positions": 2048}, torch.bfloat16),
        ({"vocab_size": 50_304}, torch.float32),
    ],
)
def test_a_folder_decides_the_model_and_starts_it(
    tmp_path: Path, shape: dict[str, int], kind: torch.dtype
) -> None:
    folder = _folder(tmp_path / "weights", kind, **shape)
    taken = choice.resolve(Settings(weights=str(folder)), CPU)
    assert (taken.weights, taken.tuning) == (str(folder), "lora")
    preset = presets.load(taken.model)
    weights = weights_check.check(folder, preset)
    model = classifier.build_around_blocks(
        classifier.configuration(preset, "gene-values", len(GENES), 20, ["a", "b"]), seed=1
    )
    pretrained.start(model, weights, "gene-values", GENES)
    stored = safetensors.torch.load_file(folder / "model.safetensors")
    for name, parameter in model.get_submodule("transformer").named_parameters():
        assert parameter.dtype == torch.float32
        if name != "wte.weight":
            given = stored[f"transformer.{name}"].float()[: len(parameter)]
            assert torch.equal(parameter, given), name
    # Planned as what it is.
    made = planning.plan(weights=str(folder), samples=20)
    assert made.model == taken.model
    assert made.parameters > preset.parameters(0)
    assert made.trained < made.parameters


def test_another_model_named_is_refused_and_the_remedy_works(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "weights", n_layer=2, n_embd=96, n_head=2, n_positions=512)
    with pytest.raises(InputError, match="2 layers instead of 12") as refused:
        weights_check.check(folder, presets.load("gpt2"))
    wanted = re.fullmatch("set model: (.+)", refused.value.remedy)
    assert wanted
    assert weights_check.check(folder, presets.load(wanted[1])).vocabulary is None


def _rewritten(folder: Path, **changed: torch.Tensor | None) -> None:
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    for name, tensor in changed.items():
        tensors.pop(f"transformer.{name}")
        if tensor is not None:
            tensors[f"transformer.{name}"] = tensor
    safetensors.torch.save_file(tensors, path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"h.0.ln_1.weight": None}, "no tensor h.0.ln_1.weight"),
        ({"wpe.weight": torch.zeros(1024, 32)}, "tensor wpe.weight of shape (1024, 32)"),
        ({"wte.weight": torch.zeros(50_257, 32)}, "tensor wte.weight of shape (50257, 32)"),
        ({"wte.weight": torch.zeros(1000, 64)}, "an embedding of 1000 tokens"),
        ({"ln_f.bias": torch.zeros(64, dtype=torch.int8)}, "tensor ln_f.bias of I8"),
    ],
)
def test_tensors_that_do_not_make_a_gpt2_are_refused_before_a_job_starts(
    copied: Path, changed: dict[str, torch.Tensor | None], said: str
) -> None:
    _rewritten(copied, **changed)
    with pytest.raises(InputError) as refused:
        weights_check.check(copied, presets.load(weights_check.model_of(copied)))
    assert said in str(refused.value)
    # What every such message offers.
    assert "weights: none" in refused.value.remedy
    assert choice.resolve(Settings(weights="none"), CPU).model == "tiny"


@pytest.mark.parametrize("content", ["{", "[]", '"gpt2"', "\x00", '{"weight_map": 3}', "{}"])
def test_a_description_or_index_that_says_nothing_is_refused(copied: Path, content: str) -> None:
    preset = presets.load("gpt2-1x64")
    (copied / "model.safetensors.index.json").write_text(content)
    with pytest.raises(InputError, match=r"damaged model\.safetensors\.index\.json"):
        weights_check.check(copied, preset)
    if "weight_map" not in content and content != "{}":
        (copied / "config.json").write_text(content)
        with pytest.raises(InputError, match=r"not valid JSON|model_type"):
            choice.resolve(Settings(weights=str(copied)), CPU)


def test_pickles_become_safetensors_as_the_message_says(copied: Path) -> None:
    tensors = safetensors.torch.load_file(copied / "model.safetensors")
    torch.save(tensors, copied / "pytorch_model.bin")
    (copied / "model.safetensors").unlink()
    preset = presets.load("gpt2-1x64")
    with pytest.raises(InputError, match=r"pytorch_model\.bin") as refused:
        weights_check.check(copied, preset)
    code = re.search("python -c '(.+)'", refused.value.remedy)
    assert code
    with contextlib.redirect_stderr(io.StringIO()):
        exec(code[1], {})  # noqa: S102 - as the message says
    assert weights_check.check(copied, preset).files == (copied / "model.safetensors",)
    assert json.loads((copied / "config.json").read_text())["n_layer"] == 1
