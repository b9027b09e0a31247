"""Encode every view of every sample as tokens, with vocabulary and reference fitted on the training
samples of one fit."""

from dataclasses import fields

from epigpt import files
from epigpt.config import repetitions
from epigpt.dataset.count_blocks import open_observations
from epigpt.encoding import fold_sets, token_dataset
from epigpt.evaluation import cross_validation
from epigpt.models import published
from epigpt.samples.classes import class_order
from epigpt.stages import entry


def main() -> None:
    """Read expression and folds, write a token store."""
    with entry.job(__doc__) as job:
        settings, fit = job.settings, job.text("fit")
        observations = open_observations(job.file("expression"))
        folds = cross_validation.read(job.file("folds"))
        held_out = fold_sets.in_test_set(folds, fit, observations.index["sample"])
        classes = class_order(
            observations.index["label"], settings["row.case"], settings["row.control"]
        )
        views = repetitions.views(settings["views"], observations.assay)
        recipe = token_dataset.EncodingConfig(
            **{
                **{name.name: settings[name.name] for name in fields(token_dataset.EncodingConfig)},
                "views": views,
            }
        )
        with files.path(job.file("tokens")) as folder:
            shared = published.programs_of_corpus(settings["shared_programs"])
            token_dataset.write(folder, observations, held_out, classes, recipe, shared=shared)
        job.log.info(
            "%s: %d training and %d held-out observations",
            fit,
            int((~held_out).sum()),
            int(held_out.sum()),
        )


if __name__ == "__main__":
    main()
