"""The recipes of the presets: the first steps are alike at every size, `auto` takes what suits the
hardware."""

from dataclasses import replace

import pytest
import torch

import synthetic_tokens
from epigpt.config.settings import Settings
from epigpt.models import choice, classifier, presets, recipes
from epigpt.training import ablations, engine, training_loop, untrained

GPUS = choice.Devices("hardware h100x1", gpu_bytes=80_000_000_000)
CPU = choice.Devices("this machine")


def _first_change(layers: int, width: int, start: str, rates: recipes.LearningRates) -> float:
    """Return how far one step at the full rate moves the logits of a random model."""
    preset = replace(presets.load("tiny"), layers=layers, width=width, heads=width // 64)
    config = classifier.configuration(preset, "gene-values", 66, 16, ["a", "b"])
    config.n_layer = 1
    model = classifier.build(config, seed=1)
    # One block's weights in every layer: drawn in a moment, and layers that all change alike move the
    # logits further than layers that change each by itself.
    model.transformer.h = torch.nn.ModuleList([model.transformer.h[0]] * layers)
    if start == "zero":
        classifier.start_at_zero(model, blocks=True)
    generator = torch.Generator().manual_seed(0)
    batch = {
        "input_ids": torch.randint(2, 66, (4, 16), generator=generator),
        "values": torch.randn(4, 16, generator=generator),
        "attention_mask": torch.ones(4, 16, dtype=torch.long),
    }
    labels, weights = torch.tensor([0, 1, 0, 1]), torch.ones(4)
    optimizer = engine.optimizer(model, engine.Recipe(rates, seed=1))
    before = model(**batch).logits
    training_loop.weighted_loss(before, labels, weights, 0.05).backward()
    optimizer.step()
    with torch.no_grad():
        return float((model(**batch).logits - before).abs().max())


def _scaled(base: float, width: int) -> recipes.LearningRates:
    return recipes.LearningRates(base * 64 / width, 1e-3, base * 64 / width)


@pytest.mark.slow
def test_the_first_step_moves_the_logits_alike_at_every_size() -> None:
    changes = [
        _first_change(layers, width, "zero", _scaled(1e-3, width))
        for layers, width in ((2, 64), (6, 256), (12, 768), (24, 1024))
    ]
    assert max(changes) < 2 * min(changes), changes
    assert max(changes) < 0.2, changes


@pytest.mark.slow
@pytest.mark.parametrize(("tuned", "hands_on"), [("full", True), ("lora", False)])
def test_blocks_begin_as_the_identity_where_all_weights_are_trained(
    tuned: str, hands_on: bool
) -> None:
    """The head alone hides the blocks from the first step; the steps after it start from here.
    Frozen blocks must let something through."""
    settings = {"weights": "none", "tuning": tuned, "seed": 1}
    tokens = synthetic_tokens.store(8, 16, 32)
    model = untrained.build("gpt2", tokens, settings, ablations.FINETUNED).eval()
    given = torch.randn(1, 16, 768, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        made = model.transformer.h[0](given)
    first = made[0] if isinstance(made, tuple) else made
    assert torch.equal(first, given) == hands_on
    assert not model.score.weight.any()


def test_a_flat_rate_from_a_standard_start_grows_with_the_size() -> None:
    """What the recipes are for."""
    flat = recipes.LearningRates(1e-3, 1e-3, 1e-3)
    small, large = (_first_change(*shape, "standard", flat) for shape in ((2, 64), (6, 256)))
    assert large > 3 * small


@pytest.mark.parametrize("name", ["gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"])
def test_presets_above_tiny_scale_their_rates_with_the_width(name: str) -> None:
    preset = presets.load(name)
    recipe, scaled = preset.recipe, 1e-3 * 64 / preset.width
    assert recipe.start == "zero"
    assert recipe.random.matrices == pytest.approx(scaled, rel=0.02)
    for rates in (recipe.random, recipe.full, recipe.lora):
        assert rates.head == pytest.approx(scaled, rel=0.02)
        assert rates.embeddings == 1e-3
    assert recipe.full.matrices < recipe.lora.matrices


def test_a_rate_of_the_users_keeps_the_proportions() -> None:
    recipe = presets.load("gpt2-xl").recipe
    assert recipe.rates("lora", True) == recipe.lora
    assert recipe.rates("full", True) == recipe.full
    assert recipe.rates("full", False) == recipe.random
    doubled = recipe.rates("lora", True, 2 * recipe.lora.matrices)
    assert doubled.embeddings == pytest.approx(2 * recipe.lora.embeddings)
    assert doubled.head == pytest.approx(2 * recipe.lora.head)


@pytest.mark.parametrize(
    ("devices", "given", "taken"),
    [
        (GPUS, {}, ("gpt2-xl", "preset", "lora")),
        (CPU, {}, ("tiny", "none", "full")),
        (CPU, {"model": "gpt2"}, ("gpt2", "preset", "lora")),
        (GPUS, {"model": "tiny"}, ("tiny", "none", "full")),
        (GPUS, {"weights": "none"}, ("gpt2-xl", "none", "full")),
        (GPUS, {"tuning": "full"}, ("gpt2-xl", "preset", "full")),
        (choice.Devices("this machine", 10_000_000_000), {}, ("gpt2-large", "preset", "lora")),
        (choice.Devices("this machine", 2_000_000_000), {}, ("tiny", "none", "full")),
    ],
)
def test_auto_takes_what_suits_the_hardware(
    devices: choice.Devices, given: dict[str, str], taken: tuple[str, str, str]
) -> None:
    settings = choice.resolve(Settings(**given), devices)  # type: ignore[arg-type]
    assert (settings.model, settings.weights, settings.tuning) == taken
    assert settings.learning_rate == "auto"


def test_the_choice_is_said_in_one_sentence() -> None:
    asked = Settings()
    said = choice.sentence(asked, choice.resolve(asked, GPUS), GPUS)
    for part in ("gpt2-xl", "h100x1", "80 GB", "openai-community/gpt2-xl", "lora", "0.0001"):
        assert part in said
    said = choice.sentence(asked, choice.resolve(asked, CPU), CPU)
    assert "tiny (auto: this machine has no GPU), random weights" in said


def test_every_trained_parameter_has_one_group_and_its_rate() -> None:
    config = classifier.configuration(presets.load("tiny"), "gene-values", 66, 16, ["a", "b"])
    model = classifier.build(config, seed=1)
    rates = recipes.LearningRates(1e-1, 1e-2, 1e-3)
    groups = engine.parameter_groups(model, engine.Recipe(rates, seed=1))
    by_kind = {group["kind"]: group for group in groups}
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    assert {kind: group["peak"] for kind, group in by_kind.items()} == {
        "matrices": 1e-1,
        "embeddings": 1e-2,
        "norms and biases": 1e-2,
        "head": 1e-3,
    }
    assert len(by_kind["matrices"]["params"]) == 2 * 4
    assert by_kind["norms and biases"]["weight_decay"] == 0


def test_a_linear_start_learns_at_a_tenth_of_the_heads_rate_and_is_not_pulled_to_zero() -> None:
    config = classifier.configuration(presets.load("tiny"), "program-tokens", 66, 16, ["a", "b"])
    model = classifier.build(config, seed=1)
    rates = recipes.LearningRates(1e-1, 1e-2, 1e-3)
    groups = engine.parameter_groups(model, engine.Recipe(rates, seed=1))
    start = next(group for group in groups if group["kind"] == "linear start")
    assert {id(one) for one in start["params"]} == {id(model.linear.weight), id(model.linear_bias)}
    assert (start["peak"], start["weight_decay"]) == (pytest.approx(1e-4), 0)
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
