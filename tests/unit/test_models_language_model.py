"""Next-gene language modelling: GPT-2's own loss, padding left out, deviations heeded."""

import pytest
import torch
from transformers import GPT2LMHeadModel

from epigpt.models import classifier, language_model, presets
from epigpt.models.language_model import NextGene


def _model(encoding: str = "gene-tokens") -> NextGene:
    torch.manual_seed(0)
    return NextGene(
        classifier.configuration(presets.load("tiny"), encoding, 102, 24, ["a", "b"])
    ).eval()


def _batch() -> dict[str, torch.Tensor]:
    tokens = torch.randint(2, 102, (3, 12), generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(12) < torch.tensor([[12], [7], [1]])).long()
    return {"input_ids": tokens * mask, "attention_mask": mask}


@pytest.mark.parametrize("positions", [256, 4])
def test_the_loss_is_that_of_gpt2s_language_model(
    positions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language_model, "POSITIONS", positions)
    model, batch = _model(), _batch()
    plain = GPT2LMHeadModel(model.config).eval()
    plain.transformer.load_state_dict(model.transformer.state_dict())
    plain.tie_weights()
    losses = model(**batch).loss
    for row, length in enumerate((12, 7)):
        tokens = batch["input_ids"][[row], :length]
        torch.testing.assert_close(
            losses[row], plain(tokens, labels=tokens).loss, rtol=1e-5, atol=1e-6
        )
    assert losses[2] == 0


def test_gradients_do_not_depend_on_how_many_positions_are_scored_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gradients = []
    for positions in (256, 5):
        monkeypatch.setattr(language_model, "POSITIONS", positions)
        model = _model()
        model(**_batch()).loss.mean().backward()
        gradients.append(model.transformer.wte.weight.grad)
    torch.testing.assert_close(gradients[0], gradients[1])


def test_deviations_reach_the_loss() -> None:
    model, batch = _model("gene-values"), _batch()
    values = torch.randn(3, 12, generator=torch.Generator().manual_seed(2))
    assert not torch.allclose(
        model(**batch, values=values).loss, model(**batch, values=-values).loss, atol=1e-4
    )
