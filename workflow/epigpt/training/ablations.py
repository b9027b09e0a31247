"""Variants of the fine-tuned model that show where its score comes from, each trained by the same
recipe on the same samples.

finetuned
    The configured model.
finetuned_random_weights
    Every weight drawn at random: neither published weights nor principal axes. Destroyed: what the
    start knew.
finetuned_shuffled_genes
    In each sample the vocabulary's genes (of a gene-sentence: the pieces of their symbols) are
    exchanged by a permutation of that sample's own, the same for all its views and cells.
    Destroyed: which gene stands behind a token, and with it all that samples have in common gene by
    gene. Kept: how many genes are detected, and with values their distribution; a score above
    chance comes from those.
finetuned_no_blocks
    Embedding, last layer norm and head without the transformer blocks. Where the whole model reads
    the last position, this one takes the mean over all: without blocks the last position is the end
    token, whatever the sample. Of program tokens the linear classifier of their scores is left,
    trained alike. Destroyed: any interplay of genes.
"""

import hashlib
from dataclasses import replace

import numpy as np

from epigpt.encoding import encoders
from epigpt.encoding.token_dataset import TokenDataset
from epigpt.models.presets import ModelPreset

FINETUNED, RANDOM_WEIGHTS, SHUFFLED_GENES, NO_BLOCKS = NAMES = (
    "finetuned",
    "finetuned_random_weights",
    "finetuned_shuffled_genes",
    "finetuned_no_blocks",
)


def architecture(preset: ModelPreset, variant: str) -> ModelPreset:
    """Return the preset that a variant is built from."""
    return replace(preset, layers=0) if variant == NO_BLOCKS else preset


def shown(store: TokenDataset, variant: str, seed: int) -> TokenDataset:
    """Return the store whose tokens a variant sees."""
    if variant != SHUFFLED_GENES:
        return store
    names, member = np.unique(store.index["sample"].to_numpy(dtype=str), return_inverse=True)
    genes = encoders.find(store.recipe.encoding).gene_tokens(store.vocabulary)
    exchanged = np.stack([exchange(name, store.size, genes, seed) for name in names])
    return replace(store, tokens=Exchanged(store.tokens, exchanged, member))  # type: ignore[arg-type]


def exchange(sample: str, size: int, genes: np.ndarray, seed: int) -> np.ndarray:
    """Return the token that stands in for each token in a sample; int32, shape (size,). Tokens
    other than `genes` keep their places.

    Decided by `seed` and the sample's id alone, so that neither its fold nor the other samples
    matter.
    """
    digest = hashlib.sha256(f"shuffled genes\x1f{seed}\x1f{sample}".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:16], "little"))
    table = np.arange(size, dtype=np.int32)
    table[genes] = generator.permutation(genes)
    return table


class Exchanged:
    """A token array that exchanges tokens as they are read, so that the array on disk stays as it
    is.

    Parameters
    ----------
    tokens
        int32, shape (observations, views, width).
    exchanged
        int32, shape (samples, vocabulary).
    member
        Sample of each observation, shape (observations,).
    """

    def __init__(self, tokens: np.ndarray, exchanged: np.ndarray, member: np.ndarray) -> None:
        self._tokens, self._exchanged, self._member = tokens, exchanged, member
        self.shape, self.dtype = tokens.shape, tokens.dtype

    def __getitem__(self, place: tuple[np.ndarray, np.ndarray, slice]) -> np.ndarray:
        rows, views, positions = place
        return self._exchanged[self._member[rows][:, None], self._tokens[rows, views, positions]]
