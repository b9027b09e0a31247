"""Encode every view of every sample as tokens, with vocabulary and reference fitted on the training samples of one fit."""

from dataclasses import fields
from pathlib import Path

from epigpt import atomic, splits
from epigpt.encoding import store
from epigpt.encoding.observations import open_observations
from epigpt.expression.classes import class_order
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
        folds = splits.read(options.folds)
        held_out = store.in_test_set(folds, options.fit, observations.index["sample"])
        classes = class_order(observations.index["label"], settings["row.case"], settings["row.control"])
        recipe = store.Recipe(**{field.name: settings[field.name] for field in fields(store.Recipe)})
        with atomic.path(options.output_folder) as folder:
            store.write(folder, observations, held_out, classes, recipe)
        job.log.info("%s: %d training and %d held-out observations", options.fit, int((~held_out).sum()), int(held_out.sum()))


if __name__ == "__main__":
    main()
