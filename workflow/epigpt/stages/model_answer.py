"""Give the final model the answer of its series, and the distances of held-out samples, to take
along."""

import json

import numpy as np

from epigpt import files
from epigpt.stages import entry


def main() -> None:
    """Read answer, expression and the folds' references; write answer.json, and the answer into the
    model card."""
    with entry.job(__doc__) as job:
        from epigpt.dataset.count_blocks import open_observations
        from epigpt.encoding import distance, fold_sets
        from epigpt.encoding.gene_statistics import load_gene_statistics
        from epigpt.encoding.vocabulary import load_vocabulary
        from epigpt.evaluation import cross_validation
        from epigpt.prediction import origin

        observations = open_observations(job.file("expression"))
        folds = cross_validation.read(job.file("folds"))
        sample = observations.index["sample"]
        distances_of_folds = []
        for path in files.beneath(job.files("vocabularies"), "vocabulary.json"):
            fit = "/".join(path.parent.parts[-2:])
            held = fold_sets.in_test_set(folds, fit, sample)
            measured = distance.from_reference(
                observations,
                load_vocabulary(path),
                load_gene_statistics(path.with_name("reference.npz")),
            )
            distances_of_folds.append(measured[held])
        answer, reading = (
            json.loads(job.file(name).read_text(encoding="utf-8")) for name in ("answer", "reading")
        )
        distances = np.concatenate(distances_of_folds) if distances_of_folds else np.array([])
        content = origin.content(answer, reading, job.settings["row.source"], distances)
        # Into the model's folder, to be copied with it, also where that folder is another job's.
        for place in {job.file("told"), job.file("final") / job.file("told").name}:
            files.write_json(place, content)
        card = job.file("final") / "README.md"
        if card.is_file():
            files.write_text(card, origin.with_answer(card.read_text(encoding="utf-8"), content))


if __name__ == "__main__":
    main()
