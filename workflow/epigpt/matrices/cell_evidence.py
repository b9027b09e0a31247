"""Cells or bulk samples: decided by evidence, which is printed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import sparse

from epigpt.errors import InputError
from epigpt.matrices.sample_matching import like_barcodes

# Fewer observations per sample may be parts of one library, more are cells.
_MANY_PER_SAMPLE = 10
_SPARSE = 0.6
_FEWEST_PLATED = 50
_CELL_NAME = re.compile(
    r"(^|[^a-z])(cell|nucleus|barcode|well|bc)[._ -]?\d+$|\d{1,2}_\d{1,2}_\d{1,2}(__s\d+)?$",
    re.IGNORECASE,
)
SAYS_CELLS = re.compile(
    r"single[- ]?(cell|nucle)|\bsc[- ]?RNA|\bsn[- ]?RNA|10x genomics|chromium|drop-?seq"
    r"|smart-?seq2?\b|\bsnuc|fluidigm c1",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Record:
    """What the record says of cells.

    Attributes
    ----------
    libraries
        Samples whose library was made of single cells or nuclei.
    samples
        All samples of the record.
    text
        Title and summary.
    """

    libraries: frozenset[str] = frozenset()
    samples: frozenset[str] = frozenset()
    text: str = ""


@dataclass(frozen=True)
class Verdict:
    """What the observations are.

    Attributes
    ----------
    single_cell
        Whether they are cells; None where the evidence leaves it open.
    evidence
        What speaks for it.
    """

    single_cell: bool | None
    evidence: str


def judge(
    observations: Sequence[str], samples: Sequence[str], matrix: sparse.csr_array, record: Record
) -> Verdict:
    """Tell cells from bulk samples.

    Parameters
    ----------
    observations, samples
        Name of each observation, and the sample it is of ("" for none).
    matrix
        Observations × genes.
    record
        What the record says.
    """
    owned = [sample for sample in samples if sample]
    distinct = set(owned)
    per_sample = len(owned) / max(1, len(distinct))
    zeros = 1 - matrix.nnz / max(1, matrix.shape[0] * matrix.shape[1])
    said = bool(distinct) and len(distinct & record.libraries) > 0.5 * len(distinct)
    cells = sum(bool(_CELL_NAME.search(name)) for name in observations) > 0.8 * len(observations)
    barcodes = like_barcodes(observations) or cells
    facts = [f"{per_sample:.3g} columns per sample" if per_sample > 1 else "one column per sample"]
    facts += ["names like those of cells"] if barcodes else []
    facts += ["library source single cell"] if said else []
    facts += (
        ["the record speaks of single cells"] if not said and SAYS_CELLS.search(record.text) else []
    )
    facts += [f"{zeros:.0%} zeros"]
    evidence = ", ".join(facts)
    if per_sample > 1.5 and (barcodes or said or per_sample >= _MANY_PER_SAMPLE):
        return Verdict(True, evidence)
    if per_sample <= 1:
        plated = bool(SAYS_CELLS.search(record.text)) and len(distinct) >= _FEWEST_PLATED
        return Verdict(said or (plated and zeros >= _SPARSE), evidence)
    return Verdict(True if zeros >= _SPARSE and per_sample > 3 else None, evidence)


def undecided(where: str, observations: Sequence[str], verdict: Verdict) -> InputError:
    """Make the refusal for several columns of one sample that are neither cells nor lanes."""
    first_names = ", ".join(observations[:4])
    return InputError(
        f"several columns of one sample ({verdict.evidence}): {first_names}, …",
        where,
        "their names do not say whether they are cells, lanes of one library, or measurements of"
        " different kinds",
        "set the cell `assay` to bulk, and they are added as parts of one library, or to"
        " single_cell, and each is taken for a cell",
    )
