"""New samples for a finished model: read them, give their genes the names that the model knows."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.dataset import assemble, in_memory
from epigpt.encoding.vocabulary import Vocabulary
from epigpt.errors import InputError
from epigpt.genes import id_kinds, orthologs
from epigpt.genes.annotation import ORGANISMS
from epigpt.matrices import hdf5, hdf5_safety, table_layout
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
                values, obs, said = hdf5.read_h5ad(file, member.name)
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


def matched(samples: NewSamples, known: Vocabulary, floor: float) -> tuple[NewSamples, str]:
    """Name the genes of the samples as the model does.

    Within a species by id, then by symbol where it is borne by one gene on both sides; between
    species by the human ortholog, where the model has one gene for it: the counts of several genes
    with that ortholog are added. All other genes stay, since a library's total is that of all its
    genes.

    Parameters
    ----------
    floor
        Least share of the model's genes that must be found.

    Returns
    -------
    The samples, and what was matched in words.

    Raises
    ------
    InputError
        Less than `floor` of the model's genes were found.
    """
    across = samples.organism != known.organism and {samples.organism, known.organism} <= set(
        ORGANISMS
    )
    to = _by_ortholog(samples, known) if across else _by_name(samples, known)
    number = len(set(to.values()))
    share = number / max(1, len(known.genes))
    way = f"by orthologs ({samples.organism} to {known.organism})" if across else "by id and symbol"
    said = f"{number:,} of the model's {len(known.genes):,} genes found {way}: {share:.1%}"
    if share < floor:
        shown = ", ".join(samples.genes[:3]), ", ".join(known.genes[:3])
        raise InputError(
            said,
            f"genes such as {shown[0]}; the model's are such as {shown[1]}",
            f"with less than {floor:.0%} of its genes a model says little about a sample",
            "check the gene ids and --organism, or accept it by a smaller --min-matched",
        )
    if all(gene == name for gene, name in to.items()):
        return samples, said
    names = np.array(
        [to.get(gene, f"\x7f{gene}") for gene in samples.genes]
    )  # after all ids, so never taken for one of the model's
    genes, position = np.unique(names, return_inverse=True)
    taken = scipy.sparse.csr_matrix(
        (
            samples.counts.data.copy(),
            position[samples.counts.indices],
            samples.counts.indptr.copy(),
        ),
        shape=(samples.counts.shape[0], len(genes)),
    )
    taken.sum_duplicates()
    return replace(samples, genes=genes, symbols=genes, counts=taken), said


def _by_name(samples: NewSamples, known: Vocabulary) -> dict[str, str]:
    ours = set(known.genes)
    to = {gene: gene for gene in samples.genes if gene in ours}
    reached = set(to.values())
    open_genes = [
        (gene, symbol)
        for gene, symbol in zip(samples.genes, samples.symbols, strict=True)
        if gene not in to
    ]
    theirs = Counter(symbol for _, symbol in open_genes)
    of_symbol = _once(zip(known.symbols, known.genes, strict=True)) | _once(
        zip(known.genes, known.genes, strict=True)
    )
    for gene, symbol in open_genes:
        target = of_symbol.get(symbol)
        if target is not None and theirs[symbol] == 1 and target not in reached:
            to[gene] = target
            reached.add(target)
    return to


def _by_ortholog(samples: NewSamples, known: Vocabulary) -> dict[str, str]:
    theirs, _ = orthologs.to_human(
        samples.genes.tolist(), samples.symbols.tolist(), samples.organism
    )
    ours, _ = orthologs.to_human(known.genes, known.symbols, known.organism)
    of_human = _once(
        (human, gene) for human, gene in zip(ours["human"], ours["gene"], strict=True) if human
    )
    return {
        gene: of_human[human]
        for gene, human in zip(theirs["gene"], theirs["human"], strict=True)
        if human in of_human
    }


def _once(pairs: Iterator[tuple[str, str]]) -> dict[str, str]:
    """Keep the keys that stand for one value."""
    listed = list(pairs)
    borne = Counter(key for key, _ in listed)
    return {key: value for key, value in listed if borne[key] == 1}
