"""What all models of a data set cost together: jobs by kind and seconds by purpose, fixed costs
included.

The steps' time is arithmetic (`epigpt.training.plan`); the fixed costs of a GPU are estimates from
the sizes of files and libraries, and none of them is measured yet.
"""

from dataclasses import dataclass

from epigpt.models.presets import HardwarePreset
from epigpt.training.plan import Plan

# Start of a process with its libraries.
START_SECONDS = 8.0
# Bytes a second of weights read from disk, and of finished ones written and read again.
READ_BYTES, WRITE_BYTES = 2e9, 1e9
# Integrated gradients take so many forward and backward passes over a held-out view, a knock-out a
# forward pass for each gene.
GRADIENT_PASSES, FORWARD_SHARE = 16, 1 / 3


@dataclass(frozen=True)
class Scope:
    """What is run on a data set.

    Attributes
    ----------
    samples
        Samples or cells that are tested.
    fits
        Models that are tested: folds times their draws.
    variants
        Variants that are trained on the same folds.
    refits
        Permutations for which all folds are trained again.
    knockouts
        Genes that are knocked out; 0 with no gradients: no attributions.
    attributed
        Whether models are attributed to genes.
    together
        Whether all of it is one job.
    """

    samples: int
    views: int
    fits: int
    variants: int = 1
    refits: int = 0
    knockouts: int = 100
    attributed: bool = True
    together: bool = True


@dataclass(frozen=True)
class DatasetCost:
    """Jobs by kind, and seconds by purpose."""

    jobs: dict[str, int]
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        """Seconds of the devices, one part after the other."""
        return sum(self.seconds.values())


def of_dataset(made: Plan, hardware: HardwarePreset, scope: Scope) -> DatasetCost:
    """Add up what the models of a data set take on the devices of one training."""
    kind = "GPU" if hardware.device == "cuda" else "CPU"
    width = 2 if made.precision == "bf16" else 4
    fit = 3600 * made.hours
    load = width * made.parameters / READ_BYTES
    store = width * made.parameters * (1 / WRITE_BYTES + 1 / READ_BYTES)
    forward = fit / max(1, made.steps * made.global_batch_size) * FORWARD_SHARE
    jobs, variants = 1 if scope.together else scope.fits + 1 + scope.variants + 1, scope.variants
    attributed = 0.0
    if scope.attributed:
        passes = 2 * GRADIENT_PASSES * scope.views / FORWARD_SHARE + scope.knockouts
        attributed = scope.samples * passes * forward + 2 * scope.fits * load
    seconds = {
        "start": jobs * START_SECONDS,
        "folds and final model": (scope.fits + 1) * (load + fit + store),
        "variants": variants * scope.fits * (load + fit + store),
        "attributions": attributed,
        "permutations": scope.refits * scope.fits * (load + fit + store),
    }
    return DatasetCost({kind: jobs}, {name: amount for name, amount in seconds.items() if amount})
