"""Encode every view of every sample as tokens, with vocabulary and reference fitted on the training
samples of one fit."""

from dataclasses import fields
from pathlib import Path

from epigpt import files
from epigpt.dataset.count_blocks import open_observations
from epigpt.encoding import token_dataset
from epigpt.evaluation import cross_validation
from epigpt.samples.classes import class_order
from epigpt.stages import entry


def main() -> None:
    """Read expression and folds, write a token store."""
    parser = entry.parser(__doc__)
    parser.add_argument("--expression", type=Path, required=True)
    parser.add_argument("--folds", type=Path, required=True)
    parser.add_argument("--fit", required=True, help="repeat{r}/fold{k}, or final")
    parser.add_argument("--output-folder", type=Path, required=True)
    with entry.job(parser) as job:
        options, settings = job.options, job.settings
        observations = open_observations(options.expression)
        folds = cross_validation.read(options.folds)
        held_out = token_dataset.in_test_set(folds, options.fit, observations.index["sample"])
        classes = class_order(
            observations.index["label"], settings["row.case"], settings["row.control"]
        )
        recipe = token_dataset.EncodingConfig(
            **{field.name: settings[field.name] for field in fields(token_dataset.EncodingConfig)}
        )
        with files.path(options.output_folder) as folder:
            token_dataset.write(folder, observations, held_out, classes, recipe)
        job.log.info(
            "%s: %d training and %d held-out observations",
            options.fit,
            int((~held_out).sum()),
            int(held_out.sum()),
        )


if __name__ == "__main__":
    main()
