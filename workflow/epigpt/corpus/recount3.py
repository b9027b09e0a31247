"""Studies of recount3 in a folder: sums of coverage by gene and run, turned into read counts."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import anndata
import numpy as np
import pandas as pd

from epigpt.corpus.collections import of_table
from epigpt.errors import InputError, refusing_foreign_errors
from epigpt.genes import id_kinds
from epigpt.geo.record import SAMPLE_ID

_LENGTH = "star.average_mapped_length"


def study(path: Path) -> str:
    """Name the study of a file such as sra.gene_sums.SRP009615.G026.gz."""
    return path.name.split(".")[2]


def series_counts(path: Path, beside: Sequence[Path], organism: str) -> anndata.AnnData:
    """Read a study as counts.h5ad holds it.

    Sums of coverage over a gene's bases become counts of reads when divided by the average length
    that a run's reads were mapped over (Collado-Torres, Nellore and Jaffe, F1000Research 2017; 6:
    1558).

    Parameters
    ----------
    path
        The study's gene_sums file: two lines of comment, gene_id and the runs.
    beside
        Other files of the folder: recount_qc of the study has the lengths, sra names the samples.
    organism
        `auto`, or the species.

    Raises
    ------
    InputError
        No lengths, or a file that is damaged.
    """
    name = study(path)
    quality = _metadata(beside, f".recount_qc.{name}.")
    if quality is None or _LENGTH not in quality:
        raise InputError(
            f"no recount_qc of {name} with {_LENGTH}",
            str(path.parent),
            "recount3 gives sums of coverage, which become counts when divided by that length",
            f"put the study's metadata *.recount_qc.{name}.MD.gz beside its gene_sums",
        )
    with refusing_foreign_errors(path.name):
        table = pd.read_csv(path, sep="\t", comment="#", index_col=0, compression="gzip")
    length = pd.to_numeric(quality[_LENGTH], errors="coerce").reindex(table.columns)
    used = length[length > 0].index
    described = _metadata(beside, f".sra.{name}.")
    samples = [_sample(run, described) for run in used]
    genes = [str(gene) for gene in table.index]
    counts = np.rint(table[used].to_numpy(dtype=float) / length[used].to_numpy()).T
    species = id_kinds.guess_organism(genes) if organism == "auto" else organism
    return of_table(
        counts, genes, np.array(samples, dtype=str), species or "unknown", f"{path.name}, {name}"
    )


def _metadata(files: Sequence[Path], kind: str) -> pd.DataFrame | None:
    """Read a table of the study's runs, by run; None where the folder has none."""
    path = next((one for one in files if kind in one.name), None)
    if path is None:
        return None
    with refusing_foreign_errors(path.name), gzip.open(path, "rt", encoding="utf-8") as lines:
        return pd.read_csv(lines, sep="\t", dtype=str).set_index("external_id")


def _sample(run: str, described: pd.DataFrame | None) -> str:
    """Name the GEO sample of a run; the run itself where none is named."""
    if described is None or run not in described.index:
        return run
    named = SAMPLE_ID.search(" ".join(described.loc[run].astype(str)))
    return named[0] if named else run
