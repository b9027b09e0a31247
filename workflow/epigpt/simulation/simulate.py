"""Series with a planted truth: negative binomial counts of named mouse genes, litters, batches, and
a known effect of epilepsy.

Counts follow Robinson and Smyth's model (Biostatistics 2008; 9: 321): the count of gene g in sample
s is negative binomial with mean m = size(s) · abundance(g) · 2^(effects) and variance m + m² ·
dispersion(g), where the dispersion falls with the abundance as asymptote + extra / abundance
(Anders and Huber, Genome Biology 2010; 11: R106) and scatters around that trend.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from epigpt.errors import InputError
from epigpt.genes.annotation import RESOURCES
from epigpt.genes.markers import SETS, marker_sets
from epigpt.geo.addresses import accession as checked_accession
from epigpt.simulation.geo_record import write_series, write_tables

CASE, CONTROL = "epilepsy", "control"
ACCESSION = "GSE9000001"
# Sex-linked genes and how they differ between male and female, log2.
SEX_EFFECTS = {"Xist": -8.0, "Ddx3y": 7.0, "Eif2s3y": 7.0, "Kdm5d": 6.0, "Uty": 6.0}
# Where the literature says only "changed", or nothing for a member of a set that falls as a whole:
# the direction that is planted.
PLANTED = {
    "SST": "down",
    "PVALB": "down",
    "CALB1": "down",
    "LHX6": "down",
    "RELN": "down",
    "VIP": "down",
}


_MARKERS = frozenset(marker_sets("mouse")["symbol"])
OPTIONS = {
    "groups": "litters",
    "per_group": "mice of each litter",
    "genes": "genes of the table",
    "batches": "batches",
    "effect": "factor on the planted log2 fold changes; 0: a null series",
    "others": "changed genes outside the marker sets",
    "severity": "spread of the effect between mice",
    "group_sd": "sd of a litter's effect on a gene, log2",
    "batch_sd": "sd of a batch's effect on a gene, log2",
    "depth": "counts of a typical sample",
}


@dataclass(frozen=True)
class Design:
    """What is simulated.

    Attributes
    ----------
    groups
        Litters; half of them epileptic when nested.
    per_group
        Mice of each litter.
    nested
        True: all mice of a litter share the condition. False: each litter is split between both
        conditions.
    genes
        Genes of the table: all markers, mitochondrial and sex-linked genes first, then others by
        name.
    effect
        Factor on all planted log2 fold changes; 0 plants nothing (a null series).
    sets
        Marker sets that are planted; None: all with an expected direction.
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


@dataclass(frozen=True)
class Simulated:
    """A simulated series.

    Attributes
    ----------
    accession
        Its made-up accession.
    counts
        Genes × samples, int64; index gene symbols, columns GSM accessions.
    samples
        One row per sample: title, condition, litter, sex, batch, tissue, strain; index GSM
        accessions.
    truth
        One row per gene: gene, sets, log2_fold_change (planted, epilepsy against control, of a
        mouse of average severity), sex_effect, abundance (share of the counts), dispersion.
    design, seed
        What it was made from.
    """

    accession: str
    counts: pd.DataFrame
    samples: pd.DataFrame
    truth: pd.DataFrame
    design: Design
    seed: int


def simulate(seed: int = 1, design: Design | None = None, accession: str = ACCESSION) -> Simulated:
    """Draw a series.

    The abundances, the layout, the nuisance effects and the counts of each gene come from streams
    of their own: two designs that differ in `effect` alone give the same counts for every gene
    without a planted change.

    Raises
    ------
    InputError
        When the design has no room for both conditions, or names an unknown marker set.
    """
    design = design or Design()
    _check(design)
    abundance_stream, layout_stream, effect_stream, nuisance_stream, count_stream = (
        np.random.default_rng(part) for part in np.random.SeedSequence(seed).spawn(5)
    )
    truth = _truth(design, abundance_stream, effect_stream)
    samples = _samples(design, layout_stream, accession)
    case = (samples["condition"] == CASE).to_numpy(dtype=float)
    severity = (
        effect_stream.gamma(1 / design.severity**2, design.severity**2, len(samples))
        if design.severity
        else np.ones(len(samples))
    )
    log2_mean = np.log2(truth["abundance"].to_numpy())[:, None] + np.outer(
        truth["log2_fold_change"], case * severity
    )
    log2_mean += np.outer(truth["sex_effect"], np.where(samples["sex"] == "male", 0.5, -0.5))
    for column, deviation in (("litter", design.group_sd), ("batch", design.batch_sd)):
        levels = sorted(samples[column].unique())
        shifts = nuisance_stream.normal(0.0, deviation, (len(truth), len(levels)))
        log2_mean += shifts[:, [levels.index(level) for level in samples[column]]]
    depth = design.depth * np.exp(nuisance_stream.normal(0.0, design.depth_sd, len(samples)))
    # Rounded, so that the last bit of a machine's exponential function cannot decide a count.
    mean = np.round(depth * np.exp2(log2_mean), 4)
    size = 1 / truth["dispersion"].to_numpy()[:, None]
    expected = count_stream.gamma(size, 1.0, mean.shape) * mean / size
    # A stream for each gene: a planted gene must not shift the draws of the genes after it.
    drawn = [
        stream.poisson(row)
        for stream, row in zip(count_stream.spawn(len(expected)), expected, strict=True)
    ]
    counts = pd.DataFrame(
        np.array(drawn, dtype=np.int64),
        index=pd.Index(truth["gene"], name="gene"),
        columns=samples.index,
    )
    return Simulated(accession, counts, samples, truth, design, seed)


def gene_names(number: int) -> list[str]:
    """Give the genes of a series of `number` genes, sorted: markers, mitochondrial and sex-linked
    genes, then others evenly by name."""
    listed = [
        line
        for line in (RESOURCES / "mouse_genes.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    ]
    always = [
        gene for gene in listed if gene in _MARKERS or gene in SEX_EFFECTS or gene.startswith("mt-")
    ]
    others = [gene for gene in listed if gene not in set(always)]
    if not len(always) <= number <= len(listed):
        raise InputError(
            f"{number} genes",
            "the number of genes to simulate",
            "the list of mouse genes has another size",
            f"choose a number from {len(always)} to {len(listed)}",
        )
    chosen = np.linspace(0, len(others) - 1, number - len(always)).round().astype(int)
    return sorted([*always, *(others[position] for position in chosen)])


def planted_directions(sets: tuple[str, ...] | None = None) -> dict[str, str]:
    """Give the direction that is planted for each mouse marker gene: up or down, from the first of
    its sets that has one."""
    table = marker_sets("mouse")
    table = table[table["set"].isin(SETS if sets is None else sets)]
    directions: dict[str, str] = {}
    for human, mouse, expected in zip(
        table["human_symbol"], table["symbol"], table["expected"], strict=True
    ):
        direction = PLANTED.get(human, expected)
        if direction in ("up", "down"):
            directions.setdefault(mouse, direction)
    return directions


def _check(design: Design) -> None:
    half = design.groups if design.nested else design.per_group
    if design.groups < 2 or design.per_group < 1 or half % 2:
        raise InputError(
            f"{design.groups} litters of {design.per_group}",
            "the design to simulate",
            "both conditions need the same number of mice",
            "choose an even number of litters, or litters of even size with --split-litters",
        )
    unknown = sorted(set(design.sets or ()) - set(SETS))
    if unknown:
        raise InputError(
            f"marker set {unknown[0]!r}",
            "the sets to plant",
            "there is no such set",
            f"choose from {', '.join(SETS)}",
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


def _truth(
    design: Design, abundance_stream: np.random.Generator, effect_stream: np.random.Generator
) -> pd.DataFrame:
    names = gene_names(design.genes)
    directions = planted_directions(design.sets)
    marked = np.array([name in _MARKERS or name in SEX_EFFECTS for name in names])
    # Brain markers are expressed well; of the other genes a part is nearly silent, as in a real
    # table.
    level = np.where(
        marked,
        abundance_stream.normal(5.2, 0.7, len(names)),
        abundance_stream.normal(4.2, 1.9, len(names)),
    )
    abundance = np.exp(level) / np.exp(level).sum()
    dispersion = (design.dispersion + 3.0 / (abundance * design.depth)) * np.exp(
        abundance_stream.normal(0.0, 0.3, len(names))
    )
    change = np.zeros(len(names))
    strength = effect_stream.uniform(0.7, 1.5, len(names))
    for position, name in enumerate(names):
        change[position] = {"up": strength[position], "down": -strength[position]}.get(
            directions.get(name, ""), 0.0
        )
    free = [
        position
        for position, name in enumerate(names)
        if name not in _MARKERS and name not in SEX_EFFECTS and not name.startswith("mt-")
    ]
    others = effect_stream.permutation(free)[: design.others]
    change[others] = strength[others] * np.where(np.arange(len(others)) % 2, 0.7, -0.7)
    table = marker_sets("mouse").groupby("symbol", sort=False)["set"].agg(";".join)
    return pd.DataFrame(
        {
            "gene": names,
            "sets": [table.get(name, "") for name in names],
            "log2_fold_change": change * design.effect,
            "sex_effect": [SEX_EFFECTS.get(name, 0.0) for name in names],
            "abundance": abundance,
            "dispersion": dispersion,
        }
    )


def _samples(design: Design, stream: np.random.Generator, accession: str) -> pd.DataFrame:
    litters = stream.permutation(design.groups)
    rows = []
    for order, litter in enumerate(litters):
        for mouse in range(design.per_group):
            position = order if design.nested else mouse
            rows.append(
                {
                    "litter": f"L{litter + 1:02d}",
                    "condition": CASE if position % 2 else CONTROL,
                    # Each sex and batch occurs equally often in both conditions.
                    "sex": "female" if (mouse + (0 if design.nested else order)) % 2 else "male",
                    "batch": f"B{(order // 2 if design.nested else order) % design.batches + 1}",
                }
            )
    samples = pd.DataFrame(rows).sort_values(
        ["litter", "condition"], kind="stable", ignore_index=True
    )
    samples["title"] = [
        f"mouse {number + 1:02d}, litter {litter}"
        for number, litter in enumerate(samples["litter"])
    ]
    samples["tissue"], samples["strain"] = "hippocampus", "C57BL/6J"
    digits = accession.removeprefix("GSE")
    samples.index = pd.Index(
        [f"GSM{digits}{number + 1:03d}" for number in range(len(samples))], name="sample"
    )
    return samples[["title", "condition", "litter", "sex", "batch", "tissue", "strain"]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `epigpt simulate`."""
    parser.add_argument(
        "--output-mirror",
        type=Path,
        metavar="FOLDER",
        help="write series/…/GSE…/{soft,suppl} there, as on GEO's server",
    )
    parser.add_argument(
        "--output-tables",
        type=Path,
        metavar="FOLDER",
        help="write counts.tsv.gz, samples.tsv and truth.tsv there",
    )
    parser.add_argument(
        "--accession",
        default=ACCESSION,
        help="made-up accession of seven digits (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="decides every number (default: %(default)s)"
    )
    parser.add_argument(
        "--sets",
        nargs="*",
        choices=tuple(SETS),
        metavar="SET",
        help=f"marker sets to plant (default: all): {', '.join(SETS)}",
    )
    parser.add_argument(
        "--split-litters", action="store_true", help="put both conditions into every litter"
    )
    for name, text in OPTIONS.items():
        default = getattr(Design(), name)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(default),
            default=default,
            help=f"{text} (default: %(default)s)",
        )


def run(options: argparse.Namespace) -> int:
    """Carry out `epigpt simulate`."""
    if options.output_mirror is None and options.output_tables is None:
        raise InputError(
            "no place to write to",
            "epigpt simulate",
            "there is nothing to do",
            "give --output-mirror or --output-tables",
        )
    design = replace(Design(), **{name: getattr(options, name) for name in OPTIONS})
    design = replace(
        design,
        nested=not options.split_litters,
        sets=None if options.sets is None else tuple(options.sets),
    )
    series = simulate(options.seed, design, checked_accession(options.accession))
    written = []
    if options.output_mirror:
        parts = (series.counts, series.samples, series.truth)
        written += write_series(
            options.output_mirror, series.accession, *parts, design=describe_design(series)
        )
    if options.output_tables:
        written += write_tables(options.output_tables, series.counts, series.samples, series.truth)
    for path in written:
        print(path)
    return 0


def describe_design(series: Simulated) -> str:
    """Say in one line how a series was drawn, for its record."""
    design, samples, truth = series.design, series.samples, series.truth
    kind = "a condition to each litter" if design.nested else "both conditions in each litter"
    planted = truth[(truth["log2_fold_change"] != 0) & (truth["sets"] != "")]
    return (
        f"SIMULATED: {len(samples)} mice in {samples['litter'].nunique()} litters ({kind}),"
        f" {len(truth)} genes; planted are {len(planted)} marker genes and"
        f" {(truth['log2_fold_change'] != 0).sum() - len(planted)} others (effect"
        f" {design.effect:g}), litter effects (sd {design.group_sd:g}, log2), batch effects (sd"
        f" {design.batch_sd:g}) and sex effects; seed {series.seed}."
    )
