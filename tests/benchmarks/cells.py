"""Simulated single cells of some donors, written block by block: what the scale benchmarks read.

A cell's counts are drawn, one by one, from the profile of its type, its donor and its class; about
8 % of 20,000 genes are seen in a cell, as in droplets.
"""

import argparse
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from anndata.io import write_elem
from scipy import sparse

GENES, DONORS, TYPES = 20_000, 10, 5
PROGRAMME, PROGRAMME_LOG2 = 60, 0.8
DONOR_SD, TYPE_SD, ABUNDANCE_SD = 0.25, 1.0, 2.1
DEPTH, DEPTH_SD = 3_500, 0.35
BLOCK = 2_000


def write(path: Path, cells: int, genes: int = GENES, donors: int = DONORS, seed: int = 0) -> None:
    """Write an h5ad file: obs donor_id, condition and cell_type; a programme of genes is up in the
    cells of every donor of the case."""
    random = np.random.default_rng(seed)
    abundance = random.normal(0, ABUNDANCE_SD, genes)
    of_type = random.normal(0, TYPE_SD, (TYPES, genes)) * (random.random((TYPES, genes)) < 0.1)
    of_donor = random.normal(0, DONOR_SD, (donors, genes))
    programme = np.zeros(genes)
    programme[random.choice(genes, PROGRAMME, replace=False)] = PROGRAMME_LOG2 * np.log(2)
    donor = np.sort(np.arange(cells) % donors)
    kind = random.choice(TYPES, cells, p=np.arange(TYPES, 0, -1) / (TYPES * (TYPES + 1) / 2))
    obs = pd.DataFrame(
        {
            "donor_id": [f"D{number:02d}" for number in donor],
            "condition": np.where(donor % 2, "case", "control"),
            "cell_type": [f"type {'ABCDE'[number]}" for number in kind],
            "batch": [f"b{number % 4 // 2}" for number in donor],
        },
        index=[f"cell{number:07d}" for number in range(cells)],
    )
    var = pd.DataFrame(index=[f"ENSG{number + 1:011d}" for number in range(genes)])
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        write_elem(file, "obs", obs)
        write_elem(file, "var", var)
        write_elem(file, "uns", {"assay": "single_cell", "organism": "human", "simulated": "true"})
        cumulated = {}
        for d in range(donors):
            for t in range(TYPES):
                log = abundance + of_donor[d] + of_type[t] + (programme if d % 2 else 0)
                cumulated[d, t] = np.cumsum(np.exp(log - log.max()))
        _write_counts(file, donor, kind, cumulated, genes, random)


def _write_counts(file, donor, kind, cumulated, genes, random) -> None:
    group = file.create_group("X")
    pointers = [np.zeros(1, dtype=np.int64)]
    stored = {
        name: group.create_dataset(name, (0,), np.int32, maxshape=(None,), chunks=(1 << 16,))
        for name in ("data", "indices")
    }
    for start in range(0, len(donor), BLOCK):
        block = _block(
            donor[start : start + BLOCK], kind[start : start + BLOCK], cumulated, genes, random
        )
        for name, dataset in stored.items():
            dataset.resize((len(dataset) + block.nnz,))
            dataset[len(dataset) - block.nnz :] = getattr(block, name)
        pointers.append(block.indptr[1:].astype(np.int64) + pointers[-1][-1])
    group["indptr"] = np.concatenate(pointers)
    group.attrs.update(
        {
            "encoding-type": "csr_matrix",
            "encoding-version": "0.1.0",
            "shape": [len(donor), genes],
        }
    )


def _block(donor, kind, cumulated, genes, random) -> sparse.csr_matrix:
    depth = np.round(DEPTH * np.exp(random.normal(0, DEPTH_SD, len(donor)))).astype(int)
    columns = [
        np.searchsorted(chances, random.random(total) * chances[-1])
        for total, chances in zip(
            depth, (cumulated[pair] for pair in zip(donor, kind, strict=True)), strict=True
        )
    ]
    rows = np.repeat(np.arange(len(donor)), depth)
    ones = np.ones(len(rows), dtype=np.int32)
    return sparse.coo_matrix(
        (ones, (rows, np.concatenate(columns))), shape=(len(donor), genes)
    ).tocsr()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("cells", type=int)
    parser.add_argument("--genes", type=int, default=GENES)
    parser.add_argument("--donors", type=int, default=DONORS)
    given = parser.parse_args()
    write(given.path, given.cells, given.genes, given.donors)
