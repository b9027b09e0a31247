"""Pretrained weights: what is taken over and from where, and what is refused."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from epigpt.encoding import bpe
from epigpt.encoding.vocabulary import SPECIAL, Vocabulary
from epigpt.errors import InputError
from epigpt.models import classifier, presets, pretrained, published, weights_check

GENES = Vocabulary(("ENS1", "ENS2", "ENS3"), ("Gfap", "GFAP", "gria1a"), "mouse")
TINY = presets.load("tiny")


@pytest.fixture(scope="module")
def text_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GPT-2's real vocabulary and positions at the size of `tiny`, random weights."""
    folder = tmp_path_factory.mktemp("weights") / "gpt2-tiny"
    torch.manual_seed(3)
    GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=64, n_head=4)).save_pretrained(folder)
    return folder


@pytest.fixture
def copied(text_weights: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(text_weights, tmp_path / "copied"))


@pytest.mark.parametrize("encoding", ["gene-tokens", "gene-values", "program-tokens"])
def test_blocks_that_are_read_are_not_drawn_first(
    text_weights: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = classifier.configuration(TINY, encoding, len(GENES), 20, ["a", "b"])
    drawn: list[int] = []
    normal = torch.Tensor.normal_

    def counted(tensor: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        drawn.append(0 if tensor.is_meta else tensor.numel())
        return normal(tensor, *arguments, **options)

    monkeypatch.setattr(torch.Tensor, "normal_", counted)
    around = [classifier.build_around_blocks(config, seed=1) for _ in range(2)]
    outside = sum(
        parameter.numel()
        for name, parameter in around[0].named_parameters()
        if not name.startswith("transformer.h.")
    )
    assert 0 < sum(drawn) <= 2 * outside
    whole = classifier.build(config, seed=1)
    for model in around:
        pretrained.start(model, weights_check.check(text_weights, TINY), encoding, GENES)
        assert model.get_parameter("transformer.ln_f.weight").isfinite().all()
    states = [model.state_dict() for model in around]
    assert states[0].keys() == whole.state_dict().keys()
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name
    # What is not read is drawn, or left at zero, as of a whole random model.
    score = around[0].get_parameter("score.weight")
    assert bool(score.any()) == bool(whole.get_parameter("score.weight").any())
    assert score.abs().max() < 0.2


def _started(
    folder: Path, encoding: str, vocabulary: Vocabulary = GENES
) -> classifier.GPT2PreTrainedModel:
    size = bpe.SIZE if encoding == "gene-sentence" else len(vocabulary)
    model = classifier.build(classifier.configuration(TINY, encoding, size, 20, ["a", "b"]), seed=1)
    pretrained.start(model, weights_check.check(folder, TINY), encoding, vocabulary)
    return model


def _stored(folder: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "model.safetensors")


@pytest.mark.parametrize("encoding", ["gene-tokens", "gene-sentence", "gene-values"])
def test_blocks_and_positions_are_taken_over_and_the_head_is_not(
    text_weights: Path, encoding: str
) -> None:
    stored = _stored(text_weights)
    model = _started(text_weights, encoding)
    for name, parameter in model.get_submodule("transformer").named_parameters():
        if name != "wte.weight":
            assert torch.equal(parameter, stored[f"transformer.{name}"]), name
    assert model.get_parameter("score.weight").shape == (2, 64)


def test_a_genes_embedding_starts_as_the_mean_of_the_pieces_of_its_symbol(
    text_weights: Path,
) -> None:
    """Centred, and with the spread of GPT-2's own."""
    stored = _stored(text_weights)["transformer.wte.weight"]
    embedding = _started(text_weights, "gene-values").get_input_embeddings().weight.detach()
    means = []
    for symbol in GENES.symbols:
        pieces = bpe.tokenizer().encode(f" {symbol}").ids
        assert len(pieces) > 1
        means.append(stored[pieces].mean(0))
    genes, wanted = embedding[len(SPECIAL) :], torch.stack(means)
    wanted = wanted - wanted.mean(0)
    torch.testing.assert_close(genes / genes.std(), wanted / wanted.std())
    assert float(genes.pow(2).mean().sqrt()) == pytest.approx(float(stored.std()), rel=1e-3)
    assert torch.equal(embedding[0], stored[bpe.END_OF_TEXT])


def test_embeddings_times_a_typical_value_have_the_published_spread() -> None:
    generator = torch.Generator().manual_seed(0)
    published_rows = 0.14 * torch.randn(500, 16, generator=generator) + 0.3
    rows = 0.01 * torch.randn(40, 16, generator=generator) + 0.3
    for typical in (1.0, 2.5):
        seen = typical * pretrained.spread(rows, published_rows, typical)
        assert float(seen.pow(2).mean().sqrt()) == pytest.approx(0.14, rel=0.02)
        assert float(seen.mean(0).abs().max()) < 1e-6
    assert torch.equal(pretrained.spread(rows[:1], published_rows, 1.0), rows[:1])


@pytest.mark.parametrize(
    ("weights", "encoding", "learnt"),
    [
        ("openai-community/gpt2", "gene-sentence", False),
        ("openai-community/gpt2", "gene-values", True),
        ("openai-community/gpt2", "program-tokens", True),
        ("none", "gene-sentence", True),
    ],
)
def test_embeddings_of_genes_are_learnt_whatever_the_weights(
    weights: str, encoding: str, learnt: bool
) -> None:
    assert published.embeddings_are_published(weights, encoding) != learnt


def test_a_sentence_gives_the_hidden_states_of_the_published_model(text_weights: Path) -> None:
    tokens = torch.tensor([bpe.tokenizer().encode(" Gfap GFAP gria1a").ids])
    expected = (
        GPT2LMHeadModel.from_pretrained(text_weights).eval().transformer(tokens).last_hidden_state
    )
    model = _started(text_weights, "gene-sentence").eval()
    torch.testing.assert_close(
        model.get_submodule("transformer")(tokens).last_hidden_state, expected, rtol=1e-5, atol=1e-5
    )


def test_names_without_prefix_half_precision_and_shards_are_read(
    text_weights: Path, copied: Path
) -> None:
    """As OpenAI's own repository names its tensors, in two files."""
    plain = {
        name.removeprefix("transformer."): tensor.half() for name, tensor in _stored(copied).items()
    }
    plain["h.0.attn.bias"] = torch.ones(1, 1, 4, 4)
    (copied / "model.safetensors").unlink()
    names = sorted(plain)
    parts = {
        "model-00001-of-00002.safetensors": names[::2],
        "model-00002-of-00002.safetensors": names[1::2],
    }
    for file, part in parts.items():
        safetensors.torch.save_file({name: plain[name] for name in part}, copied / file)
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    (copied / "model.safetensors.index.json").write_text(json.dumps(index))
    one, two = (_started(folder, "gene-tokens").state_dict() for folder in (text_weights, copied))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-2, atol=1e-3)
        assert two[name].dtype == torch.float32


def test_weights_of_ours_give_shared_genes_their_embedding(
    text_weights: Path, tmp_path: Path
) -> None:
    model = _started(text_weights, "gene-values")
    classifier.save(model, tmp_path)
    GENES.save(tmp_path / "vocabulary.json")
    other = Vocabulary(("ENS0", "ENS2", "ENS3"), ("x", "y", "z"), "mouse")
    embedding = _started(tmp_path, "gene-values", other).get_input_embeddings().weight
    assert torch.equal(embedding[[3, 4]], model.get_input_embeddings().weight[[3, 4]])
    assert not torch.equal(embedding[2], model.get_input_embeddings().weight[2])
    with pytest.raises(InputError, match="weights over 3 genes"):
        _started(tmp_path, "gene-sentence", other)


def _reconfigured(folder: Path, **changed: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"n_embd": 768, "n_layer": 12, "n_head": 12}, "set model: gpt2"),
        ({"n_embd": 68}, "68 width instead of 64"),
        ({"n_embd": 65}, "n_embd: 65 with n_head: 4"),
        ({"n_layer": "two"}, "n_layer: 'two'"),
        ({"n_layer": 3}, "set model: gpt2-3x64-4heads"),
        ({"model_type": "llama"}, "model_type 'llama'"),
        ({"auto_map": {"AutoModel": "modeling.Other"}}, "code of the folder's own"),
        ({"n_positions": 512}, "512 positions"),
        ({"n_inner": 128}, "n_inner: 128"),
        ({"scale_attn_by_inverse_layer_idx": True}, "compute differently"),
    ],
)
def test_another_model_is_refused(copied: Path, changed: dict[str, Any], said: str) -> None:
    _reconfigured(copied, **changed)
    with pytest.raises(InputError) as refused:
        weights_check.check(copied, TINY)
    assert said in str(refused.value)


def test_pickled_weights_are_refused_and_never_opened(copied: Path) -> None:
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(InputError, match="run whatever code") as refused:
        weights_check.check(copied, TINY)
    assert "pytorch_model.bin" in str(refused.value)


def test_pickles_that_are_trusted_become_safetensors_as_the_refusal_says(copied: Path) -> None:
    stored = safetensors.torch.load_file(copied / "model.safetensors")
    (copied / "model.safetensors").unlink()
    torch.save(stored, copied / "pytorch_model.bin")
    with pytest.raises(InputError) as refused:
        weights_check.check(copied, TINY)
    code = re.search(r"python -c '(.*)'$", refused.value.remedy)
    assert code is not None
    exec(code[1], {})  # noqa: S102 - as whoever reads the refusal would
    weights_check.check(copied, TINY)
    again = safetensors.torch.load_file(copied / "model.safetensors")
    assert all(torch.equal(again[name], stored[name]) for name in again)


def test_a_folder_without_weights_or_description_is_refused(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"no model\.safetensors"):
        weights_check.check(copied, TINY)
    (copied / "config.json").unlink()
    with pytest.raises(InputError, match=r"no config\.json"):
        weights_check.check(copied, TINY)


@pytest.mark.parametrize("keep", [4, 2000, -1])
def test_a_cut_file_is_refused(copied: Path, keep: int) -> None:
    path = copied / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"damaged model\.safetensors"):
        weights_check.check(copied, TINY)


def test_a_missing_tensor_and_a_wrong_shape_are_refused(copied: Path) -> None:
    stored = _stored(copied)
    gone = stored.pop("transformer.h.1.mlp.c_fc.weight")
    safetensors.torch.save_file(stored, copied / "model.safetensors")
    with pytest.raises(InputError, match=r"h\.1\.mlp\.c_fc\.weight"):
        _started(copied, "gene-tokens")
    safetensors.torch.save_file(
        {**stored, "transformer.h.1.mlp.c_fc.weight": gone[:32].contiguous()},
        copied / "model.safetensors",
    )
    with pytest.raises(InputError, match=r"shape \(32, 256\)"):
        _started(copied, "gene-tokens")


def test_another_tokenizer_is_refused(copied: Path) -> None:
    known = dict(bpe.tokenizer().get_vocab())
    (copied / "vocab.json").write_text(json.dumps(known))
    weights_check.check(copied, TINY)
    known["Ġthe"], known["Ġof"] = known["Ġof"], known["Ġthe"]
    (copied / "vocab.json").write_text(json.dumps(known))
    with pytest.raises(InputError, match=r"another vocabulary in vocab\.json"):
        weights_check.check(copied, TINY)


def test_weights_are_identified_by_content_and_not_by_place(
    text_weights: Path, copied: Path, tmp_path: Path
) -> None:
    renamed = copied.rename(tmp_path / text_weights.name)
    assert published.identity(renamed) == published.identity(text_weights)
    _reconfigured(renamed, n_positions=512)
    assert published.identity(renamed) != published.identity(text_weights)
