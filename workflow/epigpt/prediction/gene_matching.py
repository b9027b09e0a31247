"""Find a model's genes in new samples: by id, by symbol, or by orthologs of another species."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import scipy.sparse

from epigpt.encoding.vocabulary import Vocabulary
from epigpt.errors import InputError
from epigpt.genes import orthologs
from epigpt.genes.annotation import ORGANISMS
from epigpt.prediction.new_samples import NewSamples


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
