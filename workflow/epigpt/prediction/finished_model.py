"""A finished model as it lies in its folder: weights, vocabulary, reference, classes; and the
probabilities it gives to samples."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from epigpt.dataset.count_blocks import CountBlocks
from epigpt.dataset.normalization import assay_of
from epigpt.encoding import distance, token_dataset
from epigpt.encoding.encoders import Encoded
from epigpt.encoding.gene_statistics import GeneStatistics, load_gene_statistics
from epigpt.encoding.vocabulary import Vocabulary, load_vocabulary
from epigpt.errors import InputError, refusing_foreign_errors
from epigpt.models import classifier, scoring
from epigpt.prediction import model_checks, origin
from epigpt.prediction.new_samples import NewSamples

FILES = ("config.json", "model.safetensors", "vocabulary.json", "reference.npz", "labels.json")
BATCH = 32


@dataclass(frozen=True)
class Finished:
    """A fine-tuned model with all that new samples are encoded by."""

    model: classifier.GPT2PreTrainedModel
    vocabulary: Vocabulary
    reference: GeneStatistics
    recipe: token_dataset.EncodingConfig
    classes: list[str]
    home: origin.Origin = field(default_factory=lambda: origin.Origin({}))

    def score(self, samples: NewSamples | CountBlocks) -> pd.DataFrame:
        """Return the probability of each class for each sample, the mean over its views and then
        over its cells.

        Returns
        -------
        sample, class, probability; a row per sample and class, sorted by sample, classes in the
        model's order.
        """
        rows = len(samples.index)
        scored = np.zeros((rows, self.recipe.views, len(self.classes)))
        blocks = token_dataset.encode(
            samples, np.arange(rows), self.vocabulary, self.reference, self.recipe
        )
        device = next(self.model.parameters()).device
        for positions, view, encoded in blocks:
            parts = (slice(start, start + BATCH) for start in range(0, len(positions), BATCH))
            scored[positions, view] = scoring.probabilities(
                self.model, (_batch(encoded, part) for part in parts), device
            )
        if not np.all(np.isfinite(scored)):
            raise InputError(
                "scores that are not numbers",
                "the finished model",
                "its weights overflow on these samples",
                model_checks.REMEDY,
            )
        named, means = scoring.by_sample(samples.index, scored)
        return pd.DataFrame(
            {
                "sample": np.repeat(named["sample"].to_numpy(), len(self.classes)),
                "class": np.tile(self.classes, len(named)),
                "probability": means.ravel(),
            }
        )

    def distances(self, samples: NewSamples | CountBlocks) -> pd.Series:
        """Return how far each sample lies from the training samples (index: samples): the root
        mean square deviation from the reference, the mean over a sample's cells."""
        measured = distance.from_reference(samples, self.vocabulary, self.reference)
        return pd.Series(measured).groupby(samples.index["sample"].to_numpy(), sort=True).mean()

    def as_fitted(self, samples: NewSamples) -> NewSamples:
        """Return what this model reads of new samples: of cells, where it was fitted on samples,
        their sums."""
        of_samples = assay_of(self.reference.target) == "bulk"
        return samples.over_samples() if of_samples and samples.are_cells else samples


def _batch(encoded: Encoded, part: slice) -> dict[str, torch.Tensor]:
    lengths = encoded.lengths[part]
    longest = max(int(lengths.max()), 1)
    batch = {
        "input_ids": torch.from_numpy(encoded.tokens[part, :longest].astype(np.int64)),
        "attention_mask": torch.from_numpy(
            (np.arange(longest) < lengths[:, None]).astype(np.int64)
        ),
    }
    if encoded.values is not None:
        batch["values"] = torch.from_numpy(np.ascontiguousarray(encoded.values[part, :longest]))
    return batch


def load(folder: Path) -> Finished:
    """Open the folder of a finished model, on a GPU where there is one.

    Raises
    ------
    InputError
        A file is missing, damaged, or not the one that training wrote; parts that do not belong
        together.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"no {missing[0]}" if folder.is_dir() else "no such folder",
            str(folder),
            f"a finished model has {', '.join(FILES)}",
            "name a folder such as results/DATASET/models/PRESET/final",
        )
    with refusing_foreign_errors(
        str(folder), model_checks.REMEDY, "a file of the model is damaged"
    ):
        return _loaded(folder)


def _loaded(folder: Path) -> Finished:
    model_checks.check_files(folder, FILES)
    model_checks.check_arrays(folder / "reference.npz")
    labels = model_checks.read_json(folder / "labels.json")
    model_checks.check_labels(labels, folder)
    recipe = token_dataset.read_recipe(labels, folder, "train the model again with this version")
    vocabulary = load_vocabulary(folder / "vocabulary.json")
    reference = load_gene_statistics(folder / "reference.npz")
    model_checks.check_parts(folder, recipe, labels, vocabulary, reference)
    model_checks.check_tensors(folder)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = classifier.load(folder, device)
    model_checks.check_numbers(folder, model)
    home = origin.read(folder)
    return Finished(model, vocabulary, reference, recipe, labels["classes"], home)
