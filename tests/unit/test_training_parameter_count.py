"""The plan's counts of weights are those of the model that is built, of every encoding, tuning and
variant."""

from dataclasses import replace

import pytest
import torch

from epigpt.encoding import encoders
from epigpt.models import classifier, presets, published
from epigpt.training import parameter_count, tuning

pytest.importorskip("peft")
# peft and transformers warn of each other's coming changes.
pytestmark = pytest.mark.filterwarnings("default")
VOCABULARY, CLASSES = 40, ["a", "b", "c"]


@pytest.mark.parametrize("encoding", sorted(encoders.ENCODERS))
@pytest.mark.parametrize("tuned", ["full", "lora", "frozen"])
@pytest.mark.parametrize("new_embedding", [True, False])
@pytest.mark.parametrize("layers", [0, 2])
def test_counts_are_those_of_the_model(
    encoding: str, tuned: str, new_embedding: bool, layers: int
) -> None:
    preset = replace(presets.load("tiny"), layers=layers)
    linear_path = encoding in published.LINEAR_ENCODINGS
    config = classifier.configuration(preset, encoding, VOCABULARY, 30, CLASSES)
    config.pad_token_id = config.eos_token_id = 0
    model = classifier.build(config, seed=1)
    expected = sum(parameter.numel() for parameter in model.parameters())
    assert parameter_count.all_parameters(preset, VOCABULARY, len(CLASSES), linear_path) == expected
    prepared = tuning.prepare(model, tuned, new_embedding, seed=1)
    trained = sum(
        parameter.numel() for parameter in prepared.parameters() if parameter.requires_grad
    )
    assert trained == parameter_count.trained_parameters(
        tuned,
        preset,
        VOCABULARY,
        len(CLASSES),
        new_embedding=new_embedding,
        linear_path=linear_path,
    )


def test_lora_trains_the_intercept_of_the_linear_path_and_hands_it_over() -> None:
    preset = presets.load("tiny")
    config = classifier.configuration(preset, "program-tokens", VOCABULARY, 30, CLASSES)
    model = classifier.build(config, seed=1)
    wrapped = tuning.prepare(model, "lora", new_embedding=True, seed=1)
    tokens = torch.randint(2, VOCABULARY, (4, 20))
    batch = {"input_ids": tokens, "values": torch.randn(4, 20)}
    wrapped(**batch).logits[:, 0].sum().backward()
    assert model.linear_bias.grad is not None
    with torch.no_grad():
        model.linear_bias += 1.0
    kept = tuning.merged(
        {name: parameter.detach() for name, parameter in wrapped.named_parameters()}
    )
    torch.testing.assert_close(kept["linear_bias"], torch.ones(len(CLASSES)))
    assert set(kept) == {name for name, _ in classifier.build(config, seed=1).named_parameters()}
