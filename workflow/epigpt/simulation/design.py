"""What a simulated series is made of: its design, and the families of questions that it can ask."""

from dataclasses import dataclass, replace

from epigpt.errors import InputError
from epigpt.genes.markers import SETS

CASE, CONTROL = "epilepsy", "control"
EPILEPSY = "epilepsy"


@dataclass(frozen=True)
class Design:
    """What is simulated.

    Attributes
    ----------
    family
        One of `FAMILIES`: what tells the conditions apart.
    groups
        Litters; half of them epileptic when nested.
    per_group
        Mice of each litter.
    nested
        True: all mice of a litter share the condition. False: each litter is split between both
        conditions.
    genes
        Genes of the table: the epilepsy family has all markers, mitochondrial and sex-linked genes
        first, then others by name; other families have the sex-linked genes and others by name.
    effect
        Factor on all planted log2 fold changes; 0 plants nothing (a null series).
    sets
        Marker sets that the epilepsy family plants; None: all with an expected direction.
    others
        Genes outside the marker sets that change too, up and down alike.
    severity
        Spread of the effect between epileptic mice: 0 means that all are affected alike.
    group_sd, batch_sd
        Standard deviation of a litter's and a batch's effect on each gene, log2.
    batches
        Batches, balanced over the conditions.
    depth
        Counts of a typical sample.
    depth_sd
        Standard deviation of the log of the samples' depth.
    dispersion
        Asymptote of the dispersion for abundant genes.
    """

    groups: int = 12
    per_group: int = 2
    nested: bool = True
    genes: int = 3000
    effect: float = 1.0
    sets: tuple[str, ...] | None = None
    others: int = 60
    severity: float = 0.3
    group_sd: float = 0.15
    batches: int = 3
    batch_sd: float = 0.08
    depth: float = 2e6
    depth_sd: float = 0.3
    dispersion: float = 0.04
    family: str = EPILEPSY


@dataclass(frozen=True)
class Family:
    """A question whose answer is known.

    Attributes
    ----------
    tells
        What tells the conditions apart, as `epigpt simulate --help` prints it.
    design
        Where the question is asked well; options change it.
    """

    tells: str
    design: Design


def _family(name: str, tells: str, **changed: object) -> tuple[str, Family]:
    return name, Family(tells, replace(Design(), family=name, **changed))  # type: ignore[arg-type]


FAMILIES = dict(
    [
        _family(EPILEPSY, "marker sets of epilepsy and other genes, as in the demo"),
        _family(
            "dense",
            "a fifth of all genes, each a little (log2, standard deviation 0.18)",
            severity=0.0,
        ),
        _family(
            "sparse",
            "12 of 10,000 genes, log2 0.8 to 1.5, half of them up and half down",
            genes=10_000,
            depth=1e7,
        ),
        _family(
            "pairs",
            "the difference of two genes that vary together, in 10 pairs; no gene alone",
            groups=24,
            severity=0.0,
        ),
        _family(
            "interaction",
            "the exclusive or of two programmes of 60 genes; every linear model is at chance",
            groups=96,
            per_group=1,
            severity=0.0,
        ),
        _family(
            "within-donor",
            "40 genes, log2 0.5 to 1, between two mice of one litter; litters differ far more",
            nested=False,
            group_sd=1.0,
            severity=0.0,
        ),
        _family(
            "nuisance",
            "40 genes, log2 0.7 to 1.2, under a cell composition that moves 1,000 genes by more",
            groups=16,
        ),
        _family(
            "shared",
            "one of 24 programmes of 60 genes that move together in every series of the family,"
            " each gene a little",
            groups=16,
            per_group=1,
        ),
        _family("null", "nothing", effect=0.0),
    ]
)
# Litters of these carry a state each, so that the four combinations occur equally often.
_FOURS = ("interaction",)


def check(design: Design) -> None:
    """Refuse a design that has no room for both conditions or no meaning.

    Raises
    ------
    InputError
        Says which figure, and what to choose.
    """
    if design.family not in FAMILIES:
        raise InputError(
            f"family {design.family!r}",
            "the design to simulate",
            "there is no such family",
            f"choose from {', '.join(FAMILIES)}",
        )
    _check_layout(design)
    unknown = sorted(set(design.sets or ()) - set(SETS))
    if unknown:
        raise InputError(
            f"marker set {unknown[0]!r}",
            "the sets to plant",
            "there is no such set",
            f"choose from {', '.join(SETS)}",
        )
    if design.sets is not None and design.family != EPILEPSY:
        raise InputError(
            f"marker sets for the family {design.family!r}",
            "the sets to plant",
            "this family plants other genes",
            "leave the sets out, or choose the family epilepsy",
        )
    for name in ("effect", "severity", "group_sd", "batch_sd", "depth_sd", "others", "dispersion"):
        if getattr(design, name) < 0:
            raise InputError(
                f"{name} {getattr(design, name):g}",
                "the design to simulate",
                "it cannot be negative",
                f"choose {name} ≥ 0",
            )
    if design.batches < 1 or design.depth <= 0:
        raise InputError(
            f"{design.batches} batches, depth {design.depth:g}",
            "the design to simulate",
            "no counts could be drawn",
            "choose at least 1 batch and a depth above 0",
        )


def _check_layout(design: Design) -> None:
    half = design.groups if design.nested else design.per_group
    if design.groups < 2 or design.per_group < 1 or half % 2:
        raise InputError(
            f"{design.groups} litters of {design.per_group}",
            "the design to simulate",
            "both conditions need the same number of mice",
            "choose an even number of litters, or litters of even size with --split-litters",
        )
    if design.family in _FOURS and (not design.nested or design.groups % 4):
        raise InputError(
            f"{design.groups} litters" + ("" if design.nested else ", split"),
            f"the family {design.family!r}",
            "each of the four combinations of two programmes needs the same number of litters",
            "choose a number of litters that 4 divides, not split",
        )
