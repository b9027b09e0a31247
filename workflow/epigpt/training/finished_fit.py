"""The folder of a finished fit: the files that score new samples, what they were made from, and
whether they are still what the same training would make."""

import json
import tempfile
from pathlib import Path

import torch

from epigpt import files
from epigpt.encoding.token_dataset import TokenDataset
from epigpt.models import classifier, published
from epigpt.training import model_card
from epigpt.training.plan import Plan
from epigpt.training.request import Request

# What scores new samples.
MODEL_FILES = (
    "config.json",
    "labels.json",
    "model.safetensors",
    "reference.npz",
    "vocabulary.json",
)
# What a finished fit was made from, beside its files.
SIGNATURE = "fit.json"


def is_finished(folder: Path, identity: str) -> bool:
    """Whether a fit's folder holds everything that the training of this identity writes."""
    try:
        signed = json.loads((folder / SIGNATURE).read_text(encoding="utf-8"))
        return bool(signed["identity"] == identity) and all(
            (folder / name).stat().st_size == size for name, size in signed["files"].items()
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
        for name in ("config.json", "model.safetensors"):
            (Path(folder) / name).chmod(
                0o644
            )  # safetensors writes for the owner alone, which others on a cluster trip over
            (Path(folder) / name).replace(output / name)
            files.note_written(output / name)


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
    files.write_checksums(output, MODEL_FILES)
