"""Frozen blocks that a job's fits share, on a device and on disk: every fit is what it would be
alone, and scores as it would from a folder of whole weights."""

import logging
import shutil
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from safetensors import safe_open
from transformers import GPT2Config, GPT2LMHeadModel

from epigpt import files
from epigpt.config.settings import Settings
from epigpt.dataset.count_blocks import open_observations
from epigpt.encoding import token_dataset
from epigpt.errors import InputError
from epigpt.evaluation import refit_pipeline
from epigpt.models import classifier, published, resident
from epigpt.training import ablations, changed_weights, fit, held_out_predictions, launch
from epigpt.training.checkpoint_schedule import CheckpointScheduler
from epigpt.training.request import Kept, Request

# Asked by peft.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
LOG = logging.getLogger("quiet")
ORDER = ("repeat0/fold0", "final")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights") / "published"
    torch.manual_seed(3)
    GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=64, n_head=4)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def settings(weights: Path) -> dict[str, Any]:
    asked = Settings(max_genes=16, vocabulary_genes=40, views=1, epochs=1, global_batch_size=4)
    return {**asked.model_dump(mode="json"), "weights": str(weights), "tuning": "lora"}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]) -> Path:
    """Tokens of two fits, whose vocabularies and programs differ."""
    folder, random = tmp_path_factory.mktemp("stores"), np.random.default_rng(0)
    names = [f"S{number:02d}" for number in range(12)]
    counts = scipy.sparse.csr_matrix(random.poisson(random.gamma(2.0, 20.0, (12, 60))))
    obs = pd.DataFrame(
        {"sample": names, "label": ["control", "case"] * 6, "group": names}, index=names
    )
    var = pd.DataFrame(index=[f"ENSMUSG{number:011d}" for number in range(60)])
    anndata.AnnData(
        counts, obs=obs, var=var, uns={"assay": "bulk"}, layers={"counts": counts}
    ).write_h5ad(folder / "expression.h5ad")
    observations = open_observations(folder / "expression.h5ad")
    for name in ORDER:
        held = np.arange(12) < (4 if name != "final" else 0)
        token_dataset.write(
            folder / name,
            observations,
            held,
            ["control", "case"],
            refit_pipeline.recipe(settings),
        )
    return folder


@pytest.fixture(autouse=True)
def empty() -> Any:
    resident.forget()
    launch.keep(1)
    yield
    resident.forget()


def _made(
    stores: Path,
    settings: dict[str, Any],
    folder: Path,
    name: str,
    variant: str = "finetuned",
    kept: Kept = Kept.WHOLE,
) -> dict[str, bytes]:
    request = Request(
        tokens=stores / name,
        fit=name,
        preset="tiny",
        checkpoints=folder / "checkpoints" / name,
        output=folder / name,
        settings=settings,
        variant=variant,
        kept=kept,
    )
    fit.run(request, 1, LOG)
    written = [
        folder / name / file
        for file in ("model.safetensors", "predictions.tsv", "config.json", "changes.safetensors")
    ]
    return {path.name: path.read_bytes() for path in written if path.is_file()}


def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this machine's memory pass for a device of its own."""
    monkeypatch.setattr(resident, "DEVICES", ("cpu",))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tuning", "precision"), [("lora", "bf16"), ("frozen", "fp32"), ("full", "fp32")]
)
def test_fits_that_share_blocks_are_bit_for_bit_those_of_fits_alone(
    stores: Path,
    settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tuning: str,
    precision: str,
) -> None:
    settings = {**settings, "tuning": tuning, "precision": precision}
    # The last one first: no fit may depend on those before it.
    alone = {name: _made(stores, settings, tmp_path / "alone", name) for name in reversed(ORDER)}
    assert len({made["model.safetensors"] for made in alone.values()}) == len(ORDER)
    _here(monkeypatch)
    together = {name: _made(stores, settings, tmp_path / "together", name) for name in ORDER}
    assert together == alone


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    ("tuning", "precision"), [("lora", "bf16"), ("lora", "fp32"), ("frozen", "bf16")]
)
def test_what_a_fit_changed_is_the_whole_model_beside_the_blocks(
    stores: Path,
    settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    tuning: str,
    precision: str,
    shared: bool,
) -> None:
    settings = {**settings, "tuning": tuning, "precision": precision}
    whole = _made(stores, settings, tmp_path / "whole", ORDER[0])
    if shared:
        _here(monkeypatch)
    changes = _made(stores, settings, tmp_path / "changes", ORDER[0], kept=Kept.CHANGES)
    nothing = _made(stores, settings, tmp_path / "nothing", ORDER[0], kept=Kept.NOTHING)
    assert set(nothing) == {"predictions.tsv"}
    assert whole.keys() ^ changes.keys() == {"model.safetensors", "changes.safetensors"}
    for made in (changes, nothing):
        assert made["predictions.tsv"] == whole["predictions.tsv"]
    assert changes["config.json"] == whole["config.json"]
    with safe_open(tmp_path / "changes" / ORDER[0] / "changes.safetensors", "pt") as file:
        assert all("lora" in name for name in file.keys() if ".h." in name)  # noqa: SIM118
    assert bool(resident._HELD) == shared
    device = torch.device("cpu")
    # The second time: what was merged must not have changed what is shared.
    for _ in range(2):
        loaded = changed_weights.load(tmp_path / "changes" / ORDER[0], device).state_dict()
        asked = classifier.load(tmp_path / "whole" / ORDER[0]).state_dict()
        assert loaded.keys() == asked.keys()
        assert all(torch.equal(loaded[name], asked[name]) for name in asked)


@pytest.mark.slow
@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_whoever_loads_a_fit_gets_its_predictions(
    stores: Path, settings: dict[str, Any], tmp_path: Path, tuning: str
) -> None:
    settings = {**settings, "tuning": tuning, "precision": "bf16"}
    made = _made(stores, settings, tmp_path, ORDER[0], kept=Kept.CHANGES)
    # Where everything is trained, everything has changed.
    assert ("model.safetensors" in made) == (tuning == "full")
    device = torch.device("cpu")
    scored = held_out_predictions.predictions(
        changed_weights.load(tmp_path / ORDER[0], device),
        ORDER[0],
        "finetuned",
        token_dataset.load(stores / ORDER[0]),
        device,
    )
    files.write_tsv(tmp_path / "again.tsv", scored)
    assert (tmp_path / "again.tsv").read_bytes() == made["predictions.tsv"]


@pytest.mark.slow
def test_changes_are_not_joined_to_other_blocks_and_the_remedies_help(
    stores: Path, settings: dict[str, Any], weights: Path, tmp_path: Path
) -> None:
    own = shutil.copytree(weights, tmp_path / "published")
    settings = {**settings, "weights": str(own)}
    made = _made(stores, settings, tmp_path, ORDER[0], kept=Kept.CHANGES)
    folder, device = tmp_path / ORDER[0], torch.device("cpu")
    own.rename(tmp_path / "away")
    with pytest.raises(InputError, match="put them back, or delete"):
        changed_weights.load(folder, device)
    (tmp_path / "away").rename(own)
    changed_weights.load(folder, device)
    torch.manual_seed(4)
    GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=64, n_head=4)).save_pretrained(own)
    with pytest.raises(InputError, match="no longer the weights"):
        changed_weights.load(folder, device)
    shutil.rmtree(folder)
    again = _made(stores, settings, tmp_path, ORDER[0], kept=Kept.CHANGES)
    assert again["changes.safetensors"] != made["changes.safetensors"]
    changed_weights.load(folder, device)


@pytest.mark.slow
def test_blocks_are_read_once_and_other_weights_make_room(
    stores: Path, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _here(monkeypatch)
    kept = []
    for name in ORDER:
        _made(stores, settings, tmp_path / "finetuned", name)
        kept.append(resident.find(resident._HELD[0].origin))
    assert len(kept[0]) == 2 * 12
    first, second = ({name: each.data_ptr() for name, each in held.items()} for held in kept)
    assert first == second
    for variant, left in ((ablations.SHUFFLED_GENES, 24), (ablations.RANDOM_WEIGHTS, 0)):
        _made(stores, settings, tmp_path / f"{variant} beside", ORDER[0], variant)
        assert sum(len(blocks.tensors) for blocks in resident._HELD) == left, variant


@pytest.mark.slow
def test_a_cpu_has_no_memory_for_two(
    stores: Path, settings: dict[str, Any], tmp_path: Path
) -> None:
    _made(stores, settings, tmp_path, ORDER[0])
    assert not resident._HELD


@pytest.mark.slow
def test_an_interrupted_fold_goes_on_alone_with_the_blocks_that_are_there(
    stores: Path, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = _made(stores, settings, tmp_path / "alone", ORDER[1])
    _here(monkeypatch)
    _made(stores, settings, tmp_path / "together", ORDER[0])
    with monkeypatch.context() as stopped:
        stopped.setattr(CheckpointScheduler, "told_to_stop", property(lambda _self: True))
        with pytest.raises(SystemExit):
            _made(stores, settings, tmp_path / "together", ORDER[1])
    assert list((tmp_path / "together/checkpoints").rglob("step-*"))
    assert _made(stores, settings, tmp_path / "together", ORDER[1]) == alone


def test_weights_that_were_replaced_are_read_again(weights: Path) -> None:
    device = torch.device("cpu")
    first = resident.origin(weights, "bf16", device)
    assert first == resident.origin(weights, "bf16", device)
    assert published.identity(weights) in first
    assert first != resident.origin(weights, "fp32", device)
