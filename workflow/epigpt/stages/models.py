"""Fine-tune every fold's model of a data set and the final one, one after the other in one
process; score the held-out samples of each."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from epigpt.models import presets, published
from epigpt.stages import entry
from epigpt.training import dataset_cost, gpus

# Imported when used: torch and transformers take seconds.
if TYPE_CHECKING:
    from epigpt.training import fits
    from epigpt.training.request import Request

# What a job reads beside the settings of a fit, whose change leaves the fits as they are.
NOT_OF_A_FIT = ("model", "repeats.own", "keep_fold_weights", "attributions", "knockouts")


def main() -> None:
    """Read the token stores of all fits, write the folders of their models.

    Without token stores, as where a data set is not assessable, the folders stay empty.
    """
    with entry.job(__doc__) as job:
        if not wanted(job):
            return
        gpus.claim()
        from epigpt.training import fits

        asked, places = requests(job), folders(job)
        fits.train(asked, places, job.threads, job.log)
        fits.hand_over([request.fit for request in asked], places)


def wanted(job: entry.Job) -> bool:
    """Make the folders that Snakemake looks for; whether there is anything to put into them."""
    for folder in [job.file("final"), *job.files("repeats")]:
        folder.mkdir(parents=True, exist_ok=True)
    if not job.files("tokens"):
        job.log.info("no model: the data set is not assessable")
    return bool(job.files("tokens"))


def requests(job: entry.Job) -> "list[Request]":
    """Return what is asked of each fit, in the order of the token stores."""
    from epigpt.training.request import Request

    adapted = job.files("adapted")
    settings = {key: job.settings[key] for key in job.settings if key not in NOT_OF_A_FIT}
    return [
        Request(
            tokens=tokens,
            fit=_name(tokens),
            preset=job.text("preset"),
            checkpoints=job.file("checkpoints"),
            output=job.file("final").parent,
            settings=settings,
            checkpoint_minutes=float(job.text("checkpoint_minutes", "15")),
            adapted=adapted[number] if adapted else None,
            scope=scope(
                job.text("preset"),
                job.settings,
                fits=len(job.files("tokens")) - 1,
                variants=len(job.files("comparisons")),
            ),
        )
        for number, tokens in enumerate(job.files("tokens"))
    ]


def scope(preset: str, settings: dict[str, Any], fits: int, variants: int) -> dataset_cost.Scope:
    """Return what the job makes of the data set, whose samples and views its tokens tell; draws and
    permutations are jobs of their own."""
    return dataset_cost.Scope(
        samples=0,
        views=0,
        fits=fits,
        variants=variants,
        knockouts=settings.get("knockouts", 0),
        attributed=bool(settings.get("attributions", False)),
        pretrained=settings["weights"] != published.NONE,
        whole_folds=_keeps_folds(preset, settings),
    )


def folders(job: entry.Job) -> "fits.Folders":
    """Return where the fits go."""
    from epigpt.training import fits

    keeps = _keeps_folds(job.text("preset"), job.settings)
    return fits.Folders(job.file("final").parent, job.file("checkpoints"), keeps)


def _keeps_folds(preset: str, settings: dict[str, Any]) -> bool:
    return presets.keeps_folds(presets.load(preset), settings["keep_fold_weights"])


def _name(tokens: Path) -> str:
    """Return the fit that a folder of tokens is of: its last parts are repeat0/fold1, or final."""
    return "final" if tokens.name == "final" else "/".join(tokens.parts[-2:])


if __name__ == "__main__":
    main()
