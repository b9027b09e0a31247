"""Score a baseline under permuted labels, fitted again on every fold for each permutation."""

import json

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read expression and folds, write the scores of one baseline under permuted labels."""
    with entry.job(__doc__) as job:
        from epigpt.dataset import expression_data
        from epigpt.evaluation import baselines, cross_validation

        chance = baselines.permuted_scores(
            job.text("baseline"),
            expression_data.read(job.file("expression")),
            cross_validation.read(job.file("folds")),
            classes=json.loads(job.file("summary").read_text(encoding="utf-8"))["classes"],
            seed=job.settings["seed"],
            permutations=job.settings["permutations.baselines"],
        )
        files.write_tsv(job.file("scores"), chance)


if __name__ == "__main__":
    main()
