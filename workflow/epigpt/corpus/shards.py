"""A series of the corpus on disk: encoded samples, its principal axes, and what leak checks need.

A shard depends on its own series alone. Each sample is measured against the mean of its series, as
a data set's are against that of the training samples, so that what sets series apart (protocol,
depth, tissue) is no signal; tokens are numbers in the shard's own list of human genes. Its folder
is named by a hash of counts, recipe and code: a series that is there is not written again, and
another series touches none.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from epigpt import files
from epigpt.corpus import copies
from epigpt.corpus.sources import Series
from epigpt.dataset import human_genes
from epigpt.dataset.in_memory import InMemoryCounts
from epigpt.dataset.normalization import SCALE
from epigpt.encoding import encoders, fitting, token_dataset, training_sums
from epigpt.encoding.token_dataset import EncodingConfig
from epigpt.encoding.vocabulary import HUMAN, SPECIAL
from epigpt.errors import InputError

# Folder of all shards, beside corpus.tsv.
SHARDS = "shards"
DESCRIPTION, PANEL, AXES = "shard.json", "panel.npz", "axes.npz"
# Samples or cells whose views are written at a time.
_BLOCK = 512


@dataclass(frozen=True)
class Shard:
    """What shard.json says.

    Attributes
    ----------
    identity
        Name of the folder.
    series, row
        Accession or file, and the row of the corpus table.
    source
        Source of that row, of local files the name alone.
    organism, assay
        Of the series.
    genes
        Human symbols that its tokens stand for, sorted.
    samples
        Ids.
    observations, views, width
        Shape of the token array.
    related
        Accessions of it, its SuperSeries and parts.
    left_out
        Samples or cells that failed quality control.
    encoding
        Its recipe.
    """

    identity: str
    series: str
    row: str
    source: str
    organism: str
    assay: str
    genes: list[str]
    samples: list[str]
    observations: int
    views: int
    width: int
    related: list[str]
    left_out: int
    encoding: dict[str, Any] = field(default_factory=dict)


def over_human_genes(series: Series) -> InMemoryCounts:
    """Bring the counts of a series into the gene space that all series share.

    Raises
    ------
    InputError
        A species without known orthologs, or hardly a gene that has one.
    """
    counts = series.counts
    if counts is None:
        raise ValueError("a series that cannot be used")
    organism = str(counts.uns["organism"])
    if organism not in ("human", "mouse", "rat", "zebrafish"):
        raise InputError(
            f"organism '{organism}'",
            f"series '{series.name}'",
            "series meet in human orthologs, which are known for human, mouse, rat and zebrafish",
            "name the species in the column 'organism'",
        )
    genes, summed = human_genes.summed(
        scipy.sparse.csr_matrix(counts.X),
        counts.var_names.astype(str).tolist(),
        counts.var["symbol"].astype(str).tolist(),
        organism,
    )
    if len(genes) < copies.FEWEST_GENES:
        raise InputError(
            f"{len(genes)} genes with a human ortholog",
            f"series '{series.name}'",
            "the corpus is made of these",
            "check the column 'organism'",
        )
    observation = counts.obs_names.to_numpy(dtype=str)
    sample = counts.obs["sample"].to_numpy(dtype=str)
    order = np.lexsort((observation, sample))
    return InMemoryCounts(
        index=pd.DataFrame({"observation": observation[order], "sample": sample[order]}),
        genes=genes,
        symbols=genes,
        target=float(SCALE[str(counts.uns["assay"])]),
        organism=HUMAN,
        counts=scipy.sparse.csr_matrix(summed[order]),
    )


def write(
    folder: Path,
    series: Series,
    recipe: EncodingConfig,
    *,
    row: str,
    source: str,
    code: list[str],
) -> Shard:
    """Encode a series and write its shard below `folder`, unless it is there.

    Parameters
    ----------
    row, source
        Id and source of its row in the corpus table.
    code
        Fingerprint of what encodes, part of the shard's identity.

    Raises
    ------
    InputError
        As `over_human_genes`.
    """
    observations = over_human_genes(series)
    counts = series.counts
    assert counts is not None  # noqa: S101 - over_human_genes refuses it
    identity = _identity(observations, series, recipe, code)
    place = folder / identity
    shard = Shard(
        identity=identity,
        series=series.name,
        row=row,
        source=source,
        organism=str(counts.uns["organism"]),
        assay=str(counts.uns["assay"]),
        genes=[],
        samples=sorted(set(observations.index["sample"])),
        observations=len(observations.index),
        views=recipe.views,
        width=0,
        related=sorted(series.related),
        left_out=series.left_out,
        encoding=asdict(recipe),
    )
    if (place / DESCRIPTION).is_file():
        stored = load(place)
        # The same counts under another row or name are the same shard.
        return Shard(**{**asdict(shard), "genes": stored.genes, "width": stored.width})
    with files.path(place) as target:
        target.mkdir(parents=True)
        return _write(target, observations, shard, recipe)


def _write(
    folder: Path, observations: InMemoryCounts, shard: Shard, recipe: EncodingConfig
) -> Shard:
    every = np.arange(shard.observations)
    encoder = encoders.find(recipe.encoding)
    wanted = fitting.Wanted(
        encoding=recipe.encoding,
        gene_selection=recipe.gene_selection,
        max_genes=recipe.max_genes,
        vocabulary_genes=recipe.vocabulary_genes,
        seed=recipe.seed,
        with_axes=True,
    )
    vocabulary, reference = fitting.fit(observations, every, wanted)
    width = encoder.width(vocabulary, recipe.max_genes)
    shape = (shard.observations, recipe.views, width)
    tokens = files.new_array(folder / "tokens.npy", np.uint16, shape)
    lengths = files.new_array(folder / "lengths.npy", np.uint16, shape[:2])
    values = (
        files.new_array(folder / "values.npy", np.float16, shape) if encoder.has_values else None
    )
    for positions, view, encoded in token_dataset.encode(
        observations, every, vocabulary, reference, recipe
    ):
        tokens[positions, view] = encoded.tokens
        lengths[positions, view] = encoded.lengths
        if values is not None:
            values[positions, view] = encoded.values
    for array in (tokens, lengths, values):
        if array is not None:
            array.flush()
    np.savez(
        folder / AXES,
        axes=reference.axes.astype(np.float16),
        strength=_strength(observations, reference, vocabulary.columns(observations.genes)),
        centre=reference.centre,
        scale=reference.scale,
    )
    copies.panel(
        observations.counts, observations.genes, observations.index["sample"].to_numpy(dtype=str)
    ).save(folder / PANEL)
    written = Shard(**{**asdict(shard), "genes": list(vocabulary.genes), "width": width})
    files.write_json(folder / DESCRIPTION, asdict(written))
    return written


def _strength(observations: InMemoryCounts, reference: Any, columns: np.ndarray) -> np.ndarray:
    """Root mean square of the samples' scores on each axis; float32, shape (axes,)."""
    squares = np.zeros(len(reference.axes))
    rows = len(observations.index)
    for _, block in training_sums.expression(observations, np.arange(rows)):
        scores = reference.deviations(block[:, columns]) @ reference.axes.T
        squares += (scores.astype(np.float64) ** 2).sum(axis=0)
    return np.sqrt(squares / rows).astype(np.float32)


def _identity(
    observations: InMemoryCounts, series: Series, recipe: EncodingConfig, code: list[str]
) -> str:
    counts = observations.counts
    described = [asdict(recipe), code, sorted(series.related), observations.target, counts.shape]
    digest = hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode())
    digest.update("\n".join(observations.genes.tolist()).encode())
    digest.update(observations.index.to_csv(index=False).encode())
    for array in (counts.data, counts.indices, counts.indptr):
        digest.update(str(zlib.crc32(np.ascontiguousarray(array, dtype=np.int64).data)).encode())
    return digest.hexdigest()[:20]


def load(folder: Path, about: Mapping[str, Any] | None = None) -> Shard:
    """Read a shard's description.

    Parameters
    ----------
    about
        Fields that another list says of it: the same counts under another name are the same shard.

    Raises
    ------
    InputError
        The shard is gone, or not whole.
    """
    try:
        stored = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        return Shard(**{**stored, **(about or {})})
    except (OSError, ValueError, TypeError):
        raise InputError(
            "a shard of the corpus that is missing or damaged",
            str(folder),
            "the corpus table lists it",
            f"delete {folder.parent.parent / 'series'} and run again: what is missing is written"
            " anew",
        ) from None


def gene_tokens(shard: Shard, numbers: dict[str, int]) -> np.ndarray:
    """Return the token of a larger vocabulary for each token of the shard; int32.

    Parameters
    ----------
    numbers
        Number of each gene in that vocabulary.
    """
    own = [numbers[gene] + len(SPECIAL) for gene in shard.genes]
    return np.array([*range(len(SPECIAL)), *own], dtype=np.int32)
