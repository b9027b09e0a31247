"""The token store: encoded views of one fit as memory-mapped arrays, written block by block."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import pandas as pd
import scipy.sparse

from epigpt import files
from epigpt.dataset.count_blocks import CountBlocks
from epigpt.encoding import augmentation, encoders, fold_sets
from epigpt.encoding.fitting import Wanted, fit
from epigpt.encoding.gene_statistics import GeneStatistics, load_gene_statistics
from epigpt.encoding.shared_programs import SharedPrograms
from epigpt.encoding.vocabulary import Vocabulary, load_vocabulary
from epigpt.errors import InputError

BLOCK = 512
# Views of a block are held together until they are written.
MOST_VIEWS = 4096


@dataclass(frozen=True)
class EncodingConfig:
    """Everything that turns counts into tokens beside the reference.

    Attributes
    ----------
    encoding
        Name of the encoding.
    max_genes, vocabulary_genes
        Genes per sequence, and genes to choose them from.
    views, seed
        Number of views, and what decides them.
    gene_dropout
        Share of the genes that every view but the first hides.
    gene_selection
        How the genes that a sequence shows are chosen: by their deviation in the sample, with the
        training labels, or both.
    """

    encoding: str
    max_genes: int
    vocabulary_genes: int
    views: int
    seed: int
    gene_dropout: float = 0.0
    gene_selection: str = "both"


@dataclass(frozen=True)
class TokenDataset:
    """Encoded views of one fit.

    Attributes
    ----------
    index
        observation, sample, group, label, set ("train" or "test"); one row per row of `tokens`.
    tokens, lengths, values
        int32 (observations, views, width), int32 (observations, views), float32 like tokens or
        None.
    classes
        Class names in the order of the model's outputs; of two, the second is the case.
    deviations
        Gene deviations of the untouched samples, float32, shape (observations, genes of the
        vocabulary), where tokens are programs; else None.
    """

    index: pd.DataFrame
    tokens: np.ndarray
    lengths: np.ndarray
    values: np.ndarray | None
    vocabulary: Vocabulary
    reference: GeneStatistics
    recipe: EncodingConfig
    classes: list[str]
    deviations: np.ndarray | None = None

    @property
    def size(self) -> int:
        """Number of tokens that a model of this store knows."""
        return encoders.find(self.recipe.encoding).size(self.vocabulary)


def write(
    folder: Path,
    observations: CountBlocks,
    held_out: np.ndarray,
    classes: list[str],
    recipe: EncodingConfig,
    *,
    shared: SharedPrograms | None = None,
) -> None:
    """Fit vocabulary and reference on the training observations, encode every view of every
    observation, write the store.

    Parameters
    ----------
    folder
        Receives vocabulary.json, reference.npz, tokens.npy, lengths.npy, values.npy (encodings with
        values), deviations.npy (programs), encoding.json and, last, index.tsv.
    held_out
        bool, shape (observations,): rows that nothing may be fitted on.
    shared
        What a corpus knows of genes that move together.
    """
    index = observations.index.copy(deep=False)
    index["set"] = np.array(["train", "test"], dtype=object)[held_out.astype(int)]
    fold_sets.assert_no_group_crosses(index)
    encoder = encoders.find(recipe.encoding)
    training = np.flatnonzero(~held_out)
    vocabulary, fitted = fit(
        observations, training, replace(wanted(recipe, classes), shared=shared)
    )
    folder.mkdir(parents=True, exist_ok=True)
    shape = (len(observations.index), recipe.views, encoder.width(vocabulary, recipe.max_genes))
    with ExitStack() as stack:
        names = ["tokens.npy", "lengths.npy", "values.npy"]
        names += ["deviations.npy"] if fitted.programs else []
        paths = [stack.enter_context(files.path(folder / name)) for name in names]
        tokens, lengths, values, *deviations = (
            stack.enter_context(path.open("wb")) for path in paths
        )
        _header(tokens, np.int32, shape)
        _header(lengths, np.int32, shape[:2])
        _header(values, np.float32, shape if encoder.has_values else (0,))
        for file in deviations:
            _header(file, np.float32, (shape[0], len(vocabulary.genes)))
        views_of_block: list[encoders.Encoded] = []
        for _, _, encoded in encode(
            observations, np.arange(len(observations.index)), vocabulary, fitted, recipe
        ):
            if not views_of_block and encoded.deviations is not None:
                deviations[0].write(np.ascontiguousarray(encoded.deviations).tobytes())
            views_of_block.append(encoded)
            if len(views_of_block) == recipe.views:
                tokens.write(np.stack([view.tokens for view in views_of_block], axis=1).tobytes())
                lengths.write(np.stack([view.lengths for view in views_of_block], axis=1).tobytes())
                if encoder.has_values:
                    values.write(
                        np.stack(
                            [view.values for view in views_of_block if view.values is not None],
                            axis=1,
                        ).tobytes()
                    )
                views_of_block.clear()
    vocabulary.save(folder / "vocabulary.json")
    fitted.save(folder / "reference.npz")
    files.write_json(folder / "encoding.json", {**vars(recipe), "classes": classes})
    files.write_tsv(folder / "index.tsv", index)


def wanted(recipe: EncodingConfig, classes: list[str]) -> Wanted:
    """Return what an encoding needs to be fitted."""
    return Wanted(
        encoding=recipe.encoding,
        gene_selection=recipe.gene_selection,
        max_genes=recipe.max_genes,
        vocabulary_genes=recipe.vocabulary_genes,
        seed=recipe.seed,
        with_axes=encoders.find(recipe.encoding).has_values,
        classes=tuple(classes),
    )


def _header(file: BinaryIO, kind: type, shape: tuple[int, ...]) -> None:
    """Begin an .npy file whose rows follow block by block: pages written through a memory map would
    count as the job's memory."""
    described = {
        "descr": np.lib.format.dtype_to_descr(np.dtype(kind)),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_2_0(file, described)


class Readable(augmentation.Observations, Protocol):
    """What can be encoded: an index with the column observation, sorted gene ids, and counts block
    by block."""

    @property
    def genes(self) -> np.ndarray:
        """Canonical ids, sorted."""
        ...

    def blocks(
        self, wanted: np.ndarray, size: int
    ) -> Iterator[tuple[np.ndarray, scipy.sparse.csr_matrix]]:
        """Yield positions and counts."""
        ...


def encode(
    observations: Readable,
    wanted: np.ndarray,
    vocabulary: Vocabulary,
    fitted: GeneStatistics,
    recipe: EncodingConfig,
) -> Iterator[tuple[np.ndarray, int, encoders.Encoded]]:
    """Encode all views of the observations at positions `wanted`, block by block.

    Views are drawn over all genes of the file before the vocabulary's are taken, so that they are
    the same in every fit.

    Yields
    ------
    positions (int64, shape (rows,)), view, and the encoded rows.
    """
    encoder = encoders.find(recipe.encoding)
    columns = vocabulary.columns(observations.genes)
    absent = (
        columns < 0
    )  # a gene that the table lacks is not shown: whether it is expressed, nobody knows
    names = observations.index["observation"].to_numpy()
    for positions, counts in observations.blocks(
        wanted, max(1, min(BLOCK, MOST_VIEWS // recipe.views))
    ):
        for view in range(recipe.views):
            drawn = augmentation.view(
                observations, positions, counts, view, seed=recipe.seed, target=fitted.target
            )
            hidden = augmentation.hidden(
                vocabulary.genes, names[positions], view, recipe.seed, recipe.gene_dropout
            )
            if absent.any():
                hidden = np.broadcast_to(absent, (len(positions), len(absent))) | (
                    False if hidden is None else hidden
                )
            expression = taken(drawn, columns)
            yield (
                positions,
                view,
                encoder.encode(expression, vocabulary, fitted, recipe.max_genes, hidden),
            )


def taken(expression: scipy.sparse.csr_matrix, columns: np.ndarray) -> scipy.sparse.csr_matrix:
    """Return some columns of the expression, empty ones for negative numbers."""
    if len(columns) and columns.min() < 0:
        empty = scipy.sparse.csr_matrix((expression.shape[0], 1), dtype=expression.dtype)
        expression = scipy.sparse.hstack([expression, empty], format="csr")
        columns = np.where(columns < 0, expression.shape[1] - 1, columns)
    taken = expression[:, columns]
    taken.sort_indices()
    return taken


def read_recipe(described: dict[str, Any], folder: Path, remedy: str) -> EncodingConfig:
    """Take a recipe out of a JSON file of `folder`.

    Raises
    ------
    InputError
        A part of it is missing: the folder is older than this version of the code.
    """
    # What was written before there was a choice was chosen by deviation.
    described = {"gene_selection": "deviation", **described}
    missing = [field.name for field in fields(EncodingConfig) if field.name not in described]
    if missing:
        raise InputError(
            f"no {missing[0]!r} in the recipe",
            str(folder),
            "an older version encoded it, whose sequences may differ",
            remedy,
        )
    return EncodingConfig(**{field.name: described[field.name] for field in fields(EncodingConfig)})


def load(folder: Path) -> TokenDataset:
    """Open a token store; the arrays stay on disk."""
    described = json.loads((folder / "encoding.json").read_text(encoding="utf-8"))
    recipe = read_recipe(described, folder, "delete this folder and run again: it is encoded anew")
    has_values = encoders.find(recipe.encoding).has_values
    index = pd.read_csv(folder / "index.tsv", sep="\t", dtype=str, keep_default_na=False)
    fold_sets.assert_no_group_crosses(index)
    reference = load_gene_statistics(folder / "reference.npz")
    return TokenDataset(
        index=index,
        tokens=np.load(folder / "tokens.npy", mmap_mode="r"),
        lengths=np.load(folder / "lengths.npy", mmap_mode="r"),
        values=np.load(folder / "values.npy", mmap_mode="r") if has_values else None,
        vocabulary=load_vocabulary(folder / "vocabulary.json"),
        reference=reference,
        recipe=recipe,
        classes=described["classes"],
        deviations=(
            np.load(folder / "deviations.npy", mmap_mode="r") if reference.programs else None
        ),
    )
