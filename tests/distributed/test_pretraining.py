"""Pretraining on a corpus goes on with another number of processes in the middle of an epoch: no
example is lost or seen twice, and the result is that of an undisturbed run."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import transformers
from safetensors.numpy import load_file

from epigpt.corpus import selection, shards, sources
from epigpt.encoding import shared_programs
from epigpt.encoding.token_dataset import EncodingConfig
from epigpt.models import classifier, presets, pretrained, weights_check
from epigpt.simulation.design import FAMILIES
from epigpt.simulation.simulate import simulate
from epigpt.training import batches

SETTINGS = {
    "pretraining.epochs": 1,
    "pretraining.patience": 2,
    "pretraining.global_batch_size": 8,
    "pretraining.learning_rate": 1e-3,
    "precision": "fp32",
    "seed": 1,
    "pretraining.weights": "none",
}
DESIGN = replace(FAMILIES["shared"].design, groups=8, genes=400)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    for encoding in ("gene-values", "gene-tokens"):
        recipe = EncodingConfig(encoding, 16, 200, 2, 1, 0.5, "deviation")
        written = []
        for seed in range(5):
            drawn = simulate(seed, DESIGN).counts
            genes = drawn.index.astype(str)
            made = anndata.AnnData(
                scipy.sparse.csr_matrix(drawn.T.to_numpy()),
                obs=pd.DataFrame({"sample": drawn.columns}, index=drawn.columns),
                var=pd.DataFrame({"symbol": genes}, index=genes),
                uns={"assay": "bulk", "organism": "mouse"},
            )
            series = sources.Series(f"S{seed}", made, frozenset({f"S{seed}"}))
            written.append(
                shards.write(
                    folder / "shards", series, recipe, row=series.name, source="x", code=[]
                )
            )
        decided = selection.decide(written, folder / "shards", [], held_out=0.2, seed=1)
        table = pd.DataFrame(
            [
                {
                    "series": one.shard.series,
                    "organism": "mouse",
                    "observations": "8",
                    "use": one.use,
                    "reason": "",
                    "shard": one.shard.identity,
                }
                for one in decided
            ]
        )
        table.to_csv(folder / f"{encoding}.tsv", sep="\t", index=False)
    return folder


def _pretrain(
    forge: Any,
    corpus: Path,
    output: str,
    processes: int = 1,
    encoding: str = "gene-values",
    fetched: tuple[str, Path | None] = ("none", None),
    **how,
) -> list[int]:
    start = {} if fetched[1] is None else {"start": str(fetched[1])}
    statuses: list[int] = forge.run(
        "pretrain",
        processes,
        output=str(corpus / output),
        table=str(corpus / f"{encoding}.tsv"),
        shards=str(corpus / "shards"),
        settings={**SETTINGS, "pretraining.weights": fetched[0]},
        **start,
        **how,
    )
    return statuses


def _losses(folder: Path) -> list[float]:
    lines = (folder / "training.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def _seen(corpus: Path, output: str, held: set[int]) -> Counter:
    """Count the views of training rows that were read; held-out rows are read again by design."""
    lines = [
        line for path in corpus.glob(f"{output}.seen.*") for line in path.read_text().splitlines()
    ]
    views = [tuple(map(int, line.split())) for line in lines]
    return Counter(view for view in views if view[0] not in held)


@pytest.mark.slow
def test_stopped_amid_an_epoch_it_goes_on_with_other_processes(forge: Any, corpus: Path) -> None:
    table = pd.read_csv(corpus / "gene-values.tsv", sep="\t")
    held = {
        row
        for number in np.flatnonzero(table["use"] == selection.HELD_OUT)
        for row in range(8 * number, 8 * number + 8)
    }
    assert held
    assert _pretrain(forge, corpus, "whole") == [0]
    assert _pretrain(forge, corpus, "moved", 2, die="term 3") == [143, 143]
    assert not (corpus / "moved").exists()
    assert _pretrain(forge, corpus, "moved", 1) == [0]
    assert "going on after step 3 of 8" in (corpus / "moved.log").read_text()
    # 4 series × 8 samples × 2 views, each once in the epoch, whoever read it.
    expected = {(row, view) for row in set(range(40)) - held for view in range(2)}
    for output in ("whole", "moved"):
        assert _seen(corpus, output, held) == Counter(dict.fromkeys(expected, 1))
    whole, moved = corpus / "whole", corpus / "moved"
    assert _losses(moved) == pytest.approx(_losses(whole), rel=1e-4)
    first, second = (load_file(path / "model.safetensors") for path in (whole, moved))
    assert first.keys() == second.keys()
    for name in first:
        assert second[name] == pytest.approx(first[name], abs=2e-4), name


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_every_example_once_an_epoch_on_any_number_of_devices(processes: int) -> None:
    lengths = np.random.default_rng(1).integers(5, 17, 104)
    seen = []
    for step in range(13):
        # A new order each step, as in a process that has just been started.
        chosen = batches.Order(lengths, 8, seed=3).step(step)
        parts = chosen.reshape(-1, processes, 8 // processes if processes > 1 else 8)
        seen += [parts[:, rank].ravel() for rank in range(processes)]
    assert sorted(np.concatenate(seen).tolist()) == list(range(104))


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["gene-values", "gene-tokens"])
def test_the_folder_is_that_of_a_pretrained_model(forge: Any, corpus: Path, encoding: str) -> None:
    name = f"model-{encoding}"
    assert _pretrain(forge, corpus, name, encoding=encoding) == [0]
    folder = corpus / name
    assert json.loads((folder / "config.json").read_text())["model_type"] == "gpt2"
    model = transformers.GPT2Model.from_pretrained(folder)
    assert model.config.n_layer == presets.load("tiny").layers
    held = pd.read_csv(folder / "held_out.tsv", sep="\t")
    assert len(held) == 1
    assert held["perplexity"].notna().all() == (encoding == "gene-tokens")
    described = json.loads((folder / "corpus.json").read_text())
    assert described["series"] == 4
    assert described["observations"] == 32
    assert "It began with random weights" in (folder / "README.md").read_text()
    shared = shared_programs.load(folder / shared_programs.FILE)
    assert f"share {len(shared.loadings)} programme" in described["said"]
    card = (folder / "README.md").read_text()
    assert described["said"] in card
    assert held["series"][0] in card
    # A fine-tuning starts from it: genes that both know have its embeddings, mouse or human.
    weights = weights_check.check(folder, presets.load("tiny"))
    known = weights.vocabulary
    assert known is not None
    mouse = [gene.capitalize() for gene in known.genes[:5]]
    vocabulary = replace(known, genes=tuple(mouse), symbols=tuple(mouse), organism="mouse")
    config = classifier.configuration(
        presets.load("tiny"), encoding, len(vocabulary), 17, ["a", "b"]
    )
    started = classifier.build(config, 1)
    pretrained.start(started, weights, encoding, vocabulary)
    stored = load_file(folder / "model.safetensors")["transformer.wte.weight"]
    own = started.get_input_embeddings().weight.detach().numpy()
    matched = [number for number in range(5) if np.allclose(own[2 + number], stored[2 + number])]
    assert len(matched) >= 3


@pytest.mark.slow
def test_it_can_begin_with_the_weights_of_another_pretraining(forge: Any, corpus: Path) -> None:
    if not (corpus / "first").exists():
        assert _pretrain(forge, corpus, "first") == [0]
    assert _pretrain(forge, corpus, "second", fetched=("first", corpus / "first")) == [0]
    # One more pass begins where the first ended, well below where random weights do.
    first, second = _losses(corpus / "first"), _losses(corpus / "second")
    assert np.mean(second[:2]) < np.mean(first[:2])
    assert "`first`" in (corpus / "second" / "README.md").read_text()
