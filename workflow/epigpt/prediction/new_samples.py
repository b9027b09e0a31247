"""New samples for a finished model: read them, give their genes the names that the model knows."""

import tempfile
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.dataset import assemble, in_memory
from epigpt.encoding.vocabulary import Vocabulary
from epigpt.errors import InputError
from epigpt.genes import id_kinds
from epigpt.genes.annotation import ORGANISMS
from epigpt.matrices import h5ad, hdf5_safety, table_layout
from epigpt.matrices.csv_layout import ANNOTATION_COLUMN, Layout, NoTable
from epigpt.matrices.delimited import layout_of
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.value_kind import IN_WORDS, kind_of_values
from epigpt.matrices.values import Values

UNPACKED_GB = 200.0


@dataclass(frozen=True)
class NewSamples:
    """Counts of samples or cells in memory, read block by block as
    `epigpt.dataset.count_blocks.CountBlocks` are.

    Attributes
    ----------
    index
        observation, sample; sorted by sample, then observation.
    genes
        Gene ids, sorted; those that the model knows bear the model's ids.
    organism
        Species of the samples, or "unknown".
    """

    index: pd.DataFrame
    genes: np.ndarray
    symbols: np.ndarray
    organism: str
    counts: scipy.sparse.csr_matrix

    def blocks(
        self, wanted: np.ndarray, size: int = 1024
    ) -> Iterator[tuple[np.ndarray, scipy.sparse.csr_matrix]]:
        """Yield the counts of the rows `wanted`, at most `size` at a time, without stored zeros."""
        return in_memory.blocks_of(self.counts, wanted, size)

    @property
    def are_cells(self) -> bool:
        """Return whether a sample has several rows."""
        return bool(self.index["sample"].duplicated().any())

    def over_samples(self) -> "NewSamples":
        """Return the sums of each sample's cells."""
        samples, of_row = np.unique(self.index["sample"].to_numpy(dtype=str), return_inverse=True)
        shape = len(samples), len(of_row)
        own = scipy.sparse.csr_matrix((np.ones(shape[1]), (of_row, np.arange(shape[1]))), shape)
        index = pd.DataFrame({"observation": samples, "sample": samples})
        return replace(self, index=index, counts=scipy.sparse.csr_matrix(own @ self.counts))

    def remembered(
        self, key: Hashable, make: Callable[[], scipy.sparse.csr_matrix]
    ) -> scipy.sparse.csr_matrix:
        """Return what `make` gives: samples are encoded once."""
        return make()


def read(
    path: Path, known: Vocabulary, organism: str = "auto", allowed: frozenset[str] = frozenset()
) -> NewSamples:
    """Read an `.h5ad` file or a counts table, genes × samples or samples × genes.

    Parameters
    ----------
    known
        Genes of the model; they help to tell rows from columns.
    organism
        One of the four species; "auto": what the file says, else what the genes are named like,
        else the model's.
    allowed
        Kinds of values accepted beside raw and estimated counts.

    Raises
    ------
    InputError
        No such file, no matrix in it, values that are not counts.
    """
    if not path.is_file():
        raise InputError(
            f"no file {path}",
            "argument SAMPLES",
            "there is nothing to score",
            "name an .h5ad file or a counts table",
        )
    said: dict[str, str] = {}
    samples: list[str] | None = None
    with tempfile.TemporaryDirectory(prefix="epigpt-") as scratch:
        member, budget = Member.of_file(path), Budget.of_gigabytes(UNPACKED_GB)
        if path.suffix.lower() == ".h5ad":
            with hdf5_safety.opened(member, budget, Path(scratch)) as file:
                values, obs, said = h5ad.read_h5ad(file, member.name)
            samples = obs["sample"].tolist() if "sample" in obs else None
        else:
            values = _of_table(member, budget, known)
    return of_values(
        values, samples, said, known, where=path.name, organism=organism, allowed=allowed
    )


def of_values(
    values: Values,
    samples: list[str] | None,
    said: dict[str, str],
    known: Vocabulary,
    *,
    where: str,
    organism: str = "auto",
    allowed: frozenset[str] = frozenset(),
) -> NewSamples:
    """Check that values are counts, settle the species and name the genes canonically.

    Parameters
    ----------
    samples
        The sample of each observation; None: each is its own.
    said
        What the source says of itself: organism.
    where
        For messages.

    Raises
    ------
    InputError
        Values that are not counts.
    """
    samples = samples or list(values.observations)
    assay = "bulk" if len(set(samples)) == len(samples) else "single_cell"
    kind = kind_of_values(values.matrix, where, single_cell=assay == "single_cell")
    if kind.type not in {"raw_counts", "estimated_counts", *allowed}:
        raise InputError(
            f"{IN_WORDS[kind.type]}: {kind.evidence}",
            where,
            "the model was fitted on counts",
            f"give the counts, or accept these values by --allow-values {kind.type}",
        )
    if organism == "auto":
        organism = said.get("organism", "unknown")
    if organism not in ORGANISMS:
        organism = id_kinds.guess_organism(values.genes) or known.organism
    table = pd.DataFrame(index=pd.Index(sorted(set(samples)), dtype=object))
    origin = assemble.Origin("new", where)
    return _sorted(
        assemble.assemble(
            values, samples, table, organism if organism in ORGANISMS else None, kind, assay, origin
        )
    )


def _of_table(member: Member, budget: Budget, known: Vocabulary) -> Values:
    try:
        layout = layout_of(member, budget)
    except NoTable as error:
        raise InputError(
            f"{member.name} is not a table: {error}",
            "argument SAMPLES",
            "it cannot be read",
            "give an .h5ad file or a counts table",
        ) from None
    id_column, symbol_column = table_layout.names_and_symbols(layout)
    columns = {
        index: layout.header[index]
        for index in layout.numeric
        if index not in (id_column, symbol_column)
        and layout.header[index]
        and not ANNOTATION_COLUMN.fullmatch(layout.header[index])
    }
    empty = [
        layout.header[index]
        for index in (*layout.empty, *layout.mostly_numeric)
        if index not in (id_column, symbol_column)
        and not ANNOTATION_COLUMN.fullmatch(layout.header[index])
    ]
    if empty or not columns:
        raise InputError(
            f"column '{empty[0]}', which is not one of numbers"
            if empty
            else "no column of numbers",
            member.name,
            "a sample is scored by its counts",
            "repair the table, or leave the column out",
        )
    turned = _samples_in_rows(layout, id_column, list(columns.values()), known)
    orientation = table_layout.SAMPLES_BY_GENES if turned else table_layout.GENES_BY_SAMPLES
    plan = table_layout.TableLayout(
        orientation, id_column, None if turned else symbol_column, columns, None
    )
    values = table_layout.read(member, plan, budget)
    twice = [name for name, count in Counter(values.observations).items() if count > 1]
    if twice:
        raise InputError(
            f"sample {twice[0]!r} twice",
            member.name,
            "each sample is scored once",
            "rename or remove one of them",
        )
    return values


def _samples_in_rows(layout: Layout, id_column: int, columns: list[str], known: Vocabulary) -> bool:
    """Return whether columns rather than rows are genes: by the model's own names, else by what
    looks like gene names."""
    names = set(known.genes) | set(known.symbols)
    rows = list(layout.column(id_column))
    in_rows, in_columns = (
        sum(name in names for name in part) / max(1, len(part)) for part in (rows, columns)
    )
    if max(in_rows, in_columns) > 0.05:
        return in_columns > in_rows
    return id_kinds.id_type(rows) == "unknown" and id_kinds.id_type(columns) != "unknown"


def _sorted(data: anndata.AnnData) -> NewSamples:
    return NewSamples(
        index=pd.DataFrame(
            {"observation": data.obs_names.to_numpy(), "sample": data.obs["sample"].to_numpy()}
        ),
        genes=data.var_names.to_numpy(dtype=str),
        symbols=data.var["symbol"].to_numpy(dtype=str),
        organism=str(data.uns["organism"]),
        counts=scipy.sparse.csr_matrix(data.X),
    )
