"""Series with a planted truth: negative binomial counts of named mouse genes, litters, batches, and
a known effect of epilepsy, of one of several families.

Counts follow Robinson and Smyth's model (Biostatistics 2008; 9: 321): the count of gene g in sample
s is negative binomial with mean m = size(s) · abundance(g) · 2^(effects) and variance m + m² ·
dispersion(g), where the dispersion falls with the abundance as asymptote + extra / abundance
(Anders and Huber, Genome Biology 2010; 11: R106) and scatters around that trend.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from epigpt.simulation import design as designs
from epigpt.simulation import families
from epigpt.simulation.design import CASE, CONTROL, EPILEPSY, FAMILIES, Design
from epigpt.simulation.epilepsy import planted_truth

ACCESSION = "GSE9000001"


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
        One row per gene: gene, sets (epilepsy family) or role (other families, see
        `epigpt.simulation.families.Planted`), log2_fold_change (planted, epilepsy against control,
        of a mouse of average severity), sex_effect, abundance (share of the counts), dispersion.
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
        When the design has no room for both conditions, or names an unknown family or marker set.
    """
    design = design or Design()
    designs.check(design)
    abundance_stream, layout_stream, effect_stream, nuisance_stream, count_stream = (
        np.random.default_rng(part) for part in np.random.SeedSequence(seed).spawn(5)
    )
    samples = _samples(design, layout_stream, accession)
    if design.family == EPILEPSY:
        truth = planted_truth(design, abundance_stream, effect_stream)
        affected = families.severity(design, effect_stream, len(samples))
        case = (samples["condition"] == CASE).to_numpy(dtype=float)
        shift = np.outer(truth["log2_fold_change"], case * affected)
    else:
        truth, shift = families.plant(design, samples, abundance_stream, effect_stream)
    log2_mean = np.log2(truth["abundance"].to_numpy())[:, None] + shift
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


def describe_design(series: Simulated) -> str:
    """Return in one line how a series was drawn, for its record."""
    design, samples, truth = series.design, series.samples, series.truth
    kind = "a condition to each litter" if design.nested else "both conditions in each litter"
    return (
        f"SIMULATED: {len(samples)} mice in {samples['litter'].nunique()} litters ({kind}),"
        f" {len(truth)} genes; planted {_planted(series)} (effect {design.effect:g}), litter"
        f" effects (sd {design.group_sd:g}, log2), batch effects (sd {design.batch_sd:g}) and sex"
        f" effects; seed {series.seed}."
    )


def _planted(series: Simulated) -> str:
    truth, family = series.truth, series.design.family
    if family != EPILEPSY:
        return f"is the family {family}: {FAMILIES[family].tells}"
    changed = truth["log2_fold_change"] != 0
    marked = changed & (truth["sets"] != "")
    return f"are {marked.sum()} marker genes and {changed.sum() - marked.sum()} others"
