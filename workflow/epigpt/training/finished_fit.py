"""The folder of a finished fit: the files that score new samples, what they were made from, and
whether they are still what the same training would make."""

import copy
import json
import tempfile
from pathlib import Path

import torch

from epigpt import files
from epigpt.encoding.token_dataset import TokenDataset
from epigpt.models import classifier, published
from epigpt.training import model_card
from epigpt.training.plan import Plan
from epigpt.training.request import Kept, Request

WEIGHTS = "model.safetensors"
# What scores new samples.
MODEL_FILES = (
    "config.json",
    "labels.json",
    WEIGHTS,
    "reference.npz",
    "vocabulary.json",
)
# What a finished fit was made from, beside its files.
SIGNATURE = "fit.json"


def is_finished(folder: Path, identity: str, kept: Kept) -> bool:
    """Return whether a fit's folder holds everything that the training of this identity writes and
    that is to be `kept`."""
    try:
        signed = json.loads((folder / SIGNATURE).read_text(encoding="utf-8"))
        written: dict[str, int] = signed["files"]
        return (
            bool(signed["identity"] == identity)
            and (kept is not Kept.WHOLE or WEIGHTS in written)
            and all((folder / name).stat().st_size == size for name, size in written.items())
        )
    except (OSError, ValueError, KeyError):
        return False


def sign(folder: Path, identity: str) -> None:
    """Write, last of all, what the fit was made from and which files belong to it."""
    sizes = {
        path.name: path.stat().st_size
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != SIGNATURE
    }
    files.write_json(folder / SIGNATURE, {"identity": identity, "files": sizes})


def save_weights(
    output: Path, model: classifier.GPT2PreTrainedModel, weights: dict[str, torch.Tensor]
) -> None:
    """Write model.safetensors and config.json, each whole."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".weights.", dir=output) as folder:
        classifier.save(model, Path(folder), weights)
        for name in ("config.json", WEIGHTS):
            (Path(folder) / name).chmod(
                0o644
            )  # safetensors writes for the owner alone, which others on a cluster trip over
            (Path(folder) / name).replace(output / name)
            files.note_written(output / name)


def save_config(output: Path, model: classifier.GPT2PreTrainedModel, precision: str) -> None:
    """Write the config.json that `save_weights` writes, without weights."""
    described = copy.deepcopy(model.config)
    described.architectures = [type(model).__name__]
    described.dtype = {"bf16": "bfloat16", "fp32": "float32"}[precision]
    files.write_json(output / "config.json", json.loads(described.to_json_string()))


def describe(request: Request, store: TokenDataset, planned: Plan, steps: Path) -> None:
    """Write what the weights need to be used: vocabulary, reference, classes and encoding, plan,
    steps, model card."""
    output = request.output
    store.vocabulary.save(output / "vocabulary.json")
    store.reference.save(output / "reference.npz")
    described = json.loads((output / "config.json").read_text(encoding="utf-8"))
    files.write_json(
        output / "labels.json",
        {
            "classes": store.classes,
            "model_type": described["model_type"],
            **vars(store.recipe),
        },
    )
    corpus = published.corpus_card(request.settings["weights"])
    start = {"start": corpus["said"]} if corpus else {}
    files.write_json(output / "plan.json", {**planned.as_dict(), **start})
    files.write_text(output / "training.jsonl", steps.read_text(encoding="utf-8"))
    files.write_text(
        output / "README.md",
        model_card.text(request.preset, request.fit, store, planned, request.settings),
    )
    there = [name for name in MODEL_FILES if (output / name).is_file()]
    files.write_checksums(output, there)
