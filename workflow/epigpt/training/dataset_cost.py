"""What all models of a data set cost together: jobs by kind and seconds by purpose, fixed costs
included.

The steps' time is arithmetic (`epigpt.training.plan`); the fixed costs of a GPU are estimates from
the sizes of files and libraries, and none of them is measured yet.
"""

import math
from dataclasses import dataclass

from epigpt.training.plan import Plan

# Start of a process with its libraries.
START_SECONDS = 8.0
# To choose genes and programs anew and encode with them, as each fit of further draws and
# permutations does: 0.8 processor seconds of 22 samples, 2.2 of 2,000 cells.
ENCODE_SECONDS = 1.5
# Bytes a second of weights read from disk, and of finished ones written.
READ_BYTES, WRITE_BYTES = 2e9, 1e9
# Forward and backward passes of integrated gradients over a held-out view; a knock-out takes a
# forward pass for each gene.
GRADIENT_PASSES, FORWARD_SHARE = 16, 1 / 3
# Permutations that one job of the rule `null` refits.
PERMUTATIONS_PER_JOB = 5
# Beyond this, one is told what takes so long and which key settles it.
MOST_SECONDS = 24 * 3600.0
_SPARES = {
    "permutations": "permutations: 0",
    "further draws": "repeats: 1",
    "variants": "comparisons: []",
    "attributions": "attributions: false",
}


@dataclass(frozen=True)
class Scope:
    """What is run on a data set.

    Attributes
    ----------
    samples
        Samples or cells that are tested.
    fits
        Models that are tested and kept: folds times their own draws.
    variants
        Variants that are trained on the same folds.
    redraws
        Further draws of the folds, each a job for the model and for every variant.
    refits
        Permutations for which all folds are trained again.
    knockouts
        Genes that are knocked out; 0 with no gradients: no attributions.
    attributed
        Whether models are attributed to genes.
    together
        Whether all of it but draws and permutations is one job.
    pretrained
        Whether fits start from pretrained weights.
    whole_folds
        Whether the whole weights of folds are kept.
    """

    samples: int
    views: int
    fits: int
    variants: int = 1
    redraws: int = 0
    refits: int = 0
    knockouts: int = 100
    attributed: bool = True
    together: bool = True
    pretrained: bool = True
    whole_folds: bool = False


@dataclass(frozen=True)
class DatasetCost:
    """Jobs by kind, and seconds by purpose."""

    jobs: dict[str, int]
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        """Seconds of the devices, one part after the other."""
        return sum(self.seconds.values())

    def as_dict(self) -> dict[str, float]:
        """Return jobs and seconds as they stand in plan.json."""
        return {
            **{f"{kind} jobs": number for kind, number in self.jobs.items()},
            **{f"seconds of {name}": round(amount, 1) for name, amount in self.seconds.items()},
            "seconds in all": round(self.total, 1),
        }

    def sentence(self) -> str:
        """Return jobs and time in words."""
        jobs = " and ".join(
            f"{number} {kind} job{'s' if number > 1 else ''}" for kind, number in self.jobs.items()
        )
        parts = ", ".join(f"{name} {duration(amount)}" for name, amount in self.seconds.items())
        return f"{jobs}, {duration(self.total)} in all ({parts}), by arithmetic"

    def advice(self, epochs: int) -> str:
        """Return which keys bring it below `MOST_SECONDS`, the costliest part first; empty where it
        is.

        Parameters
        ----------
        epochs
            Passes of a training.
        """
        left, keys = self.total, []
        for purpose in sorted(self.seconds, key=lambda name: -self.seconds[name]):
            if left > MOST_SECONDS and purpose in _SPARES:
                keys.append(_SPARES[purpose])
                left -= self.seconds[purpose]
        if left > MOST_SECONDS:
            trained = self.seconds["folds and final model"]
            passes = int(epochs * (MOST_SECONDS - left + trained) / trained)
            keys.append(f"epochs: {passes}" if passes >= 1 else "a smaller model")
            left = MOST_SECONDS if passes >= 1 else left
        if not keys:
            return ""
        return (
            f"That is more than {duration(MOST_SECONDS)}. {'; '.join(keys)} would leave at most"
            f" {duration(left)} (of single cells, a smaller cells_per_donor shortens all parts)."
        )


def duration(seconds: float) -> str:
    """Return a duration in words."""
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{max(seconds / 60, 0.1):.1f} min"


def of_dataset(made: Plan, device: str, scope: Scope) -> DatasetCost:
    """Add up what the models of a data set take on the devices of one training, "cuda" or "cpu"."""
    kind = "GPU" if device == "cuda" else "CPU"
    fit = 3600 * made.hours
    weights = _Weights.of(made, device, scope)
    forward = fit / max(1, made.steps * made.global_batch_size) * FORWARD_SHARE
    variants = scope.variants
    own = 1 if scope.together else scope.fits + 1 + variants + (1 if scope.attributed else 0)
    redraws = scope.redraws * (1 + variants)
    refits = math.ceil(scope.refits / PERMUTATIONS_PER_JOB)
    jobs = own + redraws + refits
    attributed = 0.0
    if scope.attributed:
        passes = 2 * GRADIENT_PASSES * scope.views / FORWARD_SHARE + scope.knockouts
        attributed = scope.samples * passes * forward + weights.again(2 * scope.fits)
    whole = scope.fits + 1 if scope.whole_folds or not weights.beside_frozen else 1
    seconds = {
        "start": jobs * START_SECONDS,
        "folds and final model": (scope.fits + 1) * fit
        + weights.read(scope.fits + 1, jobs=1)
        + whole * weights.store,
        "variants": variants * scope.fits * fit + weights.again(variants * scope.fits),
        "further draws": redraws * scope.fits * (fit + ENCODE_SECONDS)
        + weights.read(redraws * scope.fits, jobs=redraws),
        "attributions": attributed,
        "permutations": scope.refits * scope.fits * (fit + ENCODE_SECONDS)
        + weights.read(scope.refits * scope.fits, jobs=refits),
    }
    return DatasetCost({kind: jobs}, {name: amount for name, amount in seconds.items() if amount})


@dataclass(frozen=True)
class _Weights:
    """What a model's weights cost beside its steps.

    Attributes
    ----------
    load, store
        Seconds to read all of them once, and to write them.
    beside_frozen
        Whether what is trained lies beside pretrained blocks that stay as they are.
    stays
        Whether those blocks are read once in a job and stay on the device
        (`epigpt.models.resident`).
    """

    load: float
    store: float
    beside_frozen: bool
    stays: bool

    @classmethod
    def of(cls, made: Plan, device: str, scope: Scope) -> "_Weights":
        beside = scope.together and scope.pretrained and made.trained < made.parameters
        width = 2 if made.precision == "bf16" else 4
        return cls(
            load=4 * made.parameters / READ_BYTES,  # published weights are in fp32
            store=width * made.parameters / WRITE_BYTES,
            beside_frozen=beside,
            stays=beside and device == "cuda" and not made.needs_deepspeed,
        )

    def read(self, fits: int, jobs: int) -> float:
        """Return the seconds of reading for the fits of some jobs."""
        return self.load * (jobs if self.stays else fits)

    def again(self, times: int) -> float:
        """Return the seconds of reading in a job that has read them before."""
        return self.read(times, jobs=0)
