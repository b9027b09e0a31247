"""Classifiers: size, padding, start, saving and loading."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from epigpt.encoding import bpe, encoders, fitting
from epigpt.encoding.programs import COMPONENT, Programs
from epigpt.encoding.vocabulary import SPECIAL
from epigpt.errors import InputError
from epigpt.models import auto, classifier, presets, scoring

ENCODINGS = ["gene-tokens", "gene-sentence", "gene-values"]


def _size(encoding: str) -> int:
    return bpe.SIZE if encoding == "gene-sentence" else 102


def _model(encoding: str, seed: int = 1) -> classifier.GPT2PreTrainedModel:
    config = classifier.configuration(
        presets.load("tiny"), encoding, _size(encoding), 24, ["sham", "epilepsy"]
    )
    return classifier.build(config, seed).eval()


def _batch(encoding: str, rows: int = 4, length: int = 12) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    batch = {"input_ids": torch.randint(len(SPECIAL), 102, (rows, length), generator=generator)}
    if encoding == "gene-values":
        batch["values"] = torch.randn(rows, length, generator=generator)
    return batch


def _padded(batch: dict[str, torch.Tensor], by: int, pad: int) -> dict[str, torch.Tensor]:
    padded = {"input_ids": torch.nn.functional.pad(batch["input_ids"], (0, by), value=pad)}
    if "values" in batch:
        padded["values"] = torch.nn.functional.pad(batch["values"], (0, by))
    return {**padded, "attention_mask": (padded["input_ids"] != pad).long()}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_padding_and_batch_composition_do_not_change_logits(encoding: str) -> None:
    model, batch, pad = _model(encoding), _batch(encoding), encoders.find(encoding).pad
    with torch.inference_mode():
        whole = model(**_padded(batch, 0, pad)).logits
        padded = model(**_padded(batch, 7, pad)).logits
        alone = torch.cat(
            [
                model(
                    **_padded({name: tensor[[row]] for name, tensor in batch.items()}, row, pad)
                ).logits
                for row in range(4)
            ]
        )
    torch.testing.assert_close(padded, whole, rtol=0, atol=1e-6)
    torch.testing.assert_close(alone, whole, rtol=0, atol=1e-6)


def test_the_head_also_reads_the_sample_before_the_blocks() -> None:
    model, batch, pad = (
        _model("gene-values"),
        _batch("gene-values"),
        encoders.find("gene-values").pad,
    )
    with torch.inference_mode():
        # A last layer norm of zeros silences the blocks: what is left is the direct path alone.
        model.transformer.ln_f.weight.zero_()
        model.transformer.ln_f.bias.zero_()
        logits = model(**_padded(batch, 5, pad)).logits
        mean = (model.transformer.wte(batch["input_ids"]) * batch["values"][..., None]).mean(1)
        expected = model.score(torch.nn.functional.layer_norm(mean, (mean.shape[1],)))
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-6)
    assert expected.abs().max() > 1e-3


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_seed_alone_decides_the_start(encoding: str) -> None:
    first, again, other = (dict(_model(encoding, seed).named_parameters()) for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["score.weight"], other["score.weight"])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_saved_model_gives_the_same_logits_through_the_auto_classes(
    encoding: str, tmp_path: Path
) -> None:
    auto.install()
    from transformers import AutoModelForSequenceClassification

    model, batch = _model(encoding), _padded(_batch(encoding), 3, encoders.find(encoding).pad)
    classifier.save(model, tmp_path)
    for loaded in (
        AutoModelForSequenceClassification.from_pretrained(tmp_path).eval(),
        classifier.load(tmp_path),
    ):
        assert type(loaded) is type(model)
        assert loaded.config.id2label == {0: "sham", 1: "epilepsy"}
        assert torch.equal(loaded(**batch).logits, model(**batch).logits)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_is_saved_is_what_transformers_saves(encoding: str, tmp_path: Path) -> None:
    model = _model(encoding)
    classifier.save(model, tmp_path / "ours")
    model.save_pretrained(tmp_path / "theirs")
    written = {path.name: path.read_bytes() for path in (tmp_path / "theirs").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "ours").iterdir()} == written


@pytest.mark.slow
def test_saving_imports_no_deepspeed(tmp_path: Path, root: Path) -> None:
    code = (
        "import sys; from epigpt.models import classifier, presets; from pathlib import Path\n"
        "wanted = classifier.configuration(presets.load('tiny'), 'gene-values', 50, 24, ['a', 'b'])\n"
        "classifier.save(classifier.build(wanted, 1), Path(sys.argv[1]))\n"
        "print('deepspeed' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(root / "workflow")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_gpt2_xl_has_its_published_size_on_the_meta_device() -> None:
    preset = presets.load("gpt2-xl")
    config = classifier.configuration(preset, "gene-tokens", preset.vocabulary, 1024, ["a", "b"])
    with torch.device("meta"):
        model = classifier.GPT2ForSequenceClassification(config)
    assert (
        sum(parameter.numel() for parameter in model.transformer.parameters())
        == preset.parameters()
        == 1_557_611_200
    )


def test_embeddings_can_start_on_the_principal_axes() -> None:
    model = _model("gene-values")
    before = model.get_input_embeddings().weight.detach().clone()
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(100, 3)))[0].T.astype(np.float32)
    classifier.start_from_axes(model, axes)
    after = model.get_input_embeddings().weight.detach()
    cosine = torch.nn.functional.cosine_similarity(
        after[len(SPECIAL) :, :3].T, torch.from_numpy(axes)
    )
    torch.testing.assert_close(cosine, torch.ones(3))
    assert torch.equal(after[:, 3:], before[:, 3:])
    assert torch.equal(after[: len(SPECIAL)], before[: len(SPECIAL)])


def test_values_reach_the_logits_with_their_sign() -> None:
    model, batch = _model("gene-values"), _batch("gene-values")
    mask = torch.ones_like(batch["input_ids"])
    turned = model(batch["input_ids"], -batch["values"], mask).logits
    assert not torch.allclose(
        turned, model(batch["input_ids"], batch["values"], mask).logits, atol=1e-4
    )


def test_sequences_longer_than_the_positions_are_refused() -> None:
    with pytest.raises(InputError, match="lower max_genes by 76"):
        classifier.configuration(presets.load("tiny"), "gene-values", 102, 1100, ["a", "b"])


def test_probabilities_are_averaged_over_views_then_over_the_cells_of_a_sample() -> None:
    index = pd.DataFrame({"sample": ["B", "A", "B"], "label": ["x", "y", "x"]})
    scored = np.array(
        [[[1.0, 0.0], [0.5, 0.5]], [[0.2, 0.8], [0.4, 0.6]], [[0.0, 1.0], [0.0, 1.0]]]
    )
    samples, means = scoring.by_sample(index, scored)
    assert samples["sample"].tolist() == ["B", "A"]
    np.testing.assert_allclose(means, [[0.375, 0.625], [0.3, 0.7]])


def test_what_blocks_add_to_the_linear_start_is_scaled_and_stays_so_in_the_file(
    tmp_path: Path,
) -> None:
    config = classifier.configuration(
        presets.load("tiny"), fitting.PROGRAMS, 12, 9, ["sham", "epilepsy"]
    )
    model = classifier.build(config, 1).eval()
    tokens = 12 - len(SPECIAL)
    random = np.random.default_rng(3)
    batch = {
        "input_ids": torch.arange(len(SPECIAL), 12).repeat(5, 1),
        "values": torch.from_numpy(random.normal(size=(5, tokens)).astype(np.float32)),
    }
    with torch.no_grad():
        model.get_parameter("score.weight").normal_()
    logits = {}
    for share in (0.0, 0.25, 1.0):
        programs = Programs(
            loadings=np.eye(tokens, dtype=np.float32),
            offsets=np.zeros(tokens, dtype=np.float32),
            kinds=np.full(tokens, COMPONENT, dtype=np.int8),
            weights=np.full((tokens, 2), 0.5, dtype=np.float32),
            bias=np.array([0.0, 1.0], dtype=np.float32),
            blocks_share=np.float32(share),
        )
        classifier.start_from_programs(model, programs)
        model.save_pretrained(tmp_path / str(share))
        again = classifier.load(tmp_path / str(share))
        with torch.no_grad():
            logits[share] = again.eval()(**batch).logits
    linear = 0.5 * batch["values"].sum(1, keepdim=True) + torch.tensor([0.0, 1.0])
    torch.testing.assert_close(logits[0.0], linear)
    added = logits[1.0] - linear
    assert added.abs().max() > 0.01
    torch.testing.assert_close(logits[0.25], linear + 0.25 * added)
