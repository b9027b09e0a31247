"""Several files of one series: parts of disjoint samples joined, numbers that stand twice known
again."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import sparse

from epigpt.genes.patterns import ENSEMBL, text_of
from epigpt.matrices.candidate import Candidate
from epigpt.matrices.orientation import gene_kind
from epigpt.matrices.values import Values

_COMMON = 0.5  # share of the smaller gene list that two parts need to have in common
_LOOKED_AT = 500


def joined(parts: Sequence[Candidate]) -> Candidate | None:
    """Join matrices of disjoint samples over their common genes.

    Returns
    -------
    Candidate or None
        None where they share samples, differ in the kind of values, ids or observations, or have
        too few genes in common to be measured alike.
    """
    owned = [set(part.samples) - {""} for part in parts]
    if sum(map(len, owned)) != len(set().union(*owned)) or not all(owned):
        return None
    first = parts[0]
    if any(
        part.kind.type != first.kind.type
        or part.single_cell != first.single_cell
        or gene_kind(part.values.genes) != gene_kind(first.values.genes)
        for part in parts
    ):
        return None
    keyed = [_keys(part.values.genes) for part in parts]
    common = [gene for gene in keyed[0] if all(gene in keys for keys in keyed[1:])]
    if len(common) < _COMMON * min(map(len, keyed)):
        return None
    blocks = [
        sparse.csr_array(part.values.matrix[:, [keys[gene] for gene in common]])
        for part, keys in zip(parts, keyed, strict=True)
    ]
    listed = "; ".join(
        f"{part.name} ({len(own)} samples)" for part, own in zip(parts, owned, strict=True)
    )
    symbols = first.values.symbols
    positions = [keyed[0][gene] for gene in common]
    several = (
        f"{len(parts)} files with different samples were joined over their {len(common)} common"
        f" genes: {listed}."
    )
    lost = max(map(len, keyed)) - len(common)
    notes = [note for part in parts for note in part.values.notes]
    notes += [several + (f" {lost} genes that not all of them list are left out." if lost else "")]
    aside: dict[str, list[str]] = {}
    for part in parts:
        for reason, names in part.values.aside.items():
            aside[reason] = list(dict.fromkeys([*aside.get(reason, []), *names]))
    values = Values(
        sparse.csr_array(sparse.vstack(blocks, format="csr")),
        [name for part in parts for name in part.values.observations],
        [first.values.genes[at] for at in positions],
        None if symbols is None else [symbols[at] for at in positions],
        notes,
        aside,
    )
    described = [part.cells for part in parts]
    return replace(
        first,
        name=" + ".join(part.name for part in parts),
        shape=f"{len(parts)} files joined",
        values=values,
        samples=[sample for part in parts for sample in part.samples],
        facts={**first.facts, "joined": [part.name for part in parts]},
        cells=pd.concat(described) if all(map(len, described)) else pd.DataFrame(),
    )


def _keys(genes: Sequence[str]) -> dict[str, int]:
    """Return the place of each gene, Ensembl ids without their version."""
    place_of: dict[str, int] = {}
    for at, gene in enumerate(genes):
        text = text_of(gene)
        match = ENSEMBL.search(text)
        place_of.setdefault(match.group(1) if match else text, at)
    return place_of


def same_numbers(small: Candidate, large: Candidate) -> bool:
    """Return whether a matrix holds some or all numbers of another: the samples and genes that it
    has are in the other, with the same values."""
    if small.single_cell or large.single_cell or small.kind.type != large.kind.type:
        return False
    rows = {sample: at for at, sample in enumerate(large.samples) if sample}
    samples = [(at, rows[one]) for at, one in enumerate(small.samples) if one in rows]
    if not samples or len(samples) < len(set(small.samples) - {""}):
        return False
    keys, others = _keys(small.values.genes), _keys(large.values.genes)
    common = [gene for gene in keys if gene in others]
    if len(common) < 0.9 * len(keys):
        return False
    some = common[:: max(1, len(common) // _LOOKED_AT)]
    ours = small.values.matrix[[at for at, _ in samples]][:, [keys[gene] for gene in some]]
    theirs = large.values.matrix[[at for _, at in samples]][:, [others[gene] for gene in some]]
    return bool(np.allclose(ours.todense(), theirs.todense(), rtol=1e-3, atol=0.51))
