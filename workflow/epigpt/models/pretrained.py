"""Start a classifier from pretrained weights: blocks and positions as they are, embeddings of genes
from the pieces of their symbols."""

from collections.abc import Callable, Container

import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers.models.gpt2.modeling_gpt2 import GPT2PreTrainedModel

from epigpt.encoding import bpe, encoders
from epigpt.encoding.programs import Programs
from epigpt.encoding.vocabulary import HUMAN, SPECIAL, Vocabulary
from epigpt.errors import InputError
from epigpt.genes import orthologs
from epigpt.genes.annotation import ORGANISMS
from epigpt.models.weight_files import EMBEDDING, POSITIONS, gpt2_name
from epigpt.models.weights_check import Published


def start(
    model: GPT2PreTrainedModel,
    weights: Published,
    encoding: str,
    vocabulary: Vocabulary,
    programs: Programs | None = None,
    *,
    typical_value: float = 1.0,
    trained: bool = True,
    elsewhere: Container[str] = (),
) -> None:
    """Bring pretrained weights into a classifier; its head keeps its random start.

    Parameters
    ----------
    model
        As built by `epigpt.models.classifier.build`, of the size that `weights` were checked for
        (`epigpt.models.weights_check`).
    encoding, vocabulary
        Of the tokens that the model will read. GPT-2's own embedding serves a gene-sentence as it
        is; a gene of the other encodings starts as the mean of its symbol's pieces, centred and
        with the spread of the published embeddings (`spread`), padding and end as GPT-2's
        separator. Weights of a model of ours give each gene that both know its
        embedding; the others keep their random start.
    programs
        Of the encoding program-tokens: each program starts as the mean of its genes' embeddings,
        weighed by the size of their loadings.
    typical_value
        Root mean square of the values that embeddings are multiplied by.
    trained
        Whether the blocks are going to change; frozen ones are the mapped file itself where it is
        in fp32, and take no memory before they are used.
    elsewhere
        Names of parameters of the classifier that hold nothing afterwards, because their numbers
        are on a device already (`epigpt.models.resident`).

    Raises
    ------
    InputError
        Weights over genes for an encoding of text; a file that cannot be read.
    """
    if weights.vocabulary is not None and encoders.find(encoding).size(vocabulary) >= bpe.SIZE:
        raise InputError(
            f"weights over {len(weights.vocabulary.genes):,} genes",
            f"{weights.folder}, encoding {encoding}",
            "this encoding is read as text, whose pieces these weights do not know",
            "use weights of a language model, or another encoding",
        )
    transformer = model.get_submodule("transformer")
    wanted = dict(transformer.named_parameters())
    missing = set(wanted)
    embed = _embedder(weights, encoding, vocabulary, programs, typical_value)
    with torch.no_grad():
        for path in weights.files:
            try:
                with safe_open(path, framework="pt") as file:
                    for stored in file.keys():  # noqa: SIM118 - not a dictionary
                        name = gpt2_name(stored)
                        if name not in missing:
                            continue
                        missing.discard(name)
                        tensor = file.get_tensor(stored)
                        if name == EMBEDDING:
                            embed(wanted[name], tensor.to(wanted[name].dtype))
                            continue
                        # The preset may use fewer positions than are stored.
                        given = tensor[: len(wanted[name])] if name == POSITIONS else tensor
                        if not wanted[name].is_meta:
                            wanted[name].copy_(given)
                        elif f"transformer.{name}" in elsewhere:
                            _set(transformer, name, torch.empty(given.shape))
                        else:
                            _set(transformer, name, given.to(torch.float32, copy=trained))
            except SafetensorError as error:
                raise InputError(
                    f"{path.name}: {error}",
                    str(weights.folder),
                    "the file cannot be read",
                    "copy or fetch it again",
                ) from None


def _set(model: nn.Module, name: str, tensor: torch.Tensor) -> None:
    module, _, key = name.rpartition(".")
    setattr(model.get_submodule(module), key, nn.Parameter(tensor))


def _embedder(
    weights: Published,
    encoding: str,
    vocabulary: Vocabulary,
    programs: Programs | None,
    typical_value: float,
) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """Return the function that fills an embedding from the stored one."""

    def from_text(parameter: torch.Tensor, stored: torch.Tensor) -> None:
        if encoders.find(encoding).size(vocabulary) == bpe.SIZE:
            parameter.copy_(stored[: bpe.SIZE])
        else:
            parameter[: len(SPECIAL)] = stored[bpe.END_OF_TEXT]
            rows = of_symbols(stored, vocabulary)
            if programs is not None:
                rows = _of_programs(rows, programs)
            parameter[len(SPECIAL) : len(SPECIAL) + len(rows)] = spread(
                rows, stored[: bpe.SIZE], typical_value
            )

    def from_genes(parameter: torch.Tensor, stored: torch.Tensor) -> None:
        known = (
            {gene: number for number, gene in enumerate(weights.vocabulary.genes)}
            if weights.vocabulary is not None
            else {}
        )
        names = _names_in(weights.vocabulary, vocabulary)
        shared = [(number, known[gene]) for number, gene in enumerate(names) if gene in known]
        parameter[: len(SPECIAL)] = stored[: len(SPECIAL)]
        if not shared:
            return
        ours, theirs = (torch.tensor(numbers) for numbers in zip(*shared, strict=True))
        if programs is None:
            parameter[ours + len(SPECIAL)] = stored[theirs + len(SPECIAL)]
            return
        genes = torch.zeros(len(vocabulary.genes), stored.shape[1], dtype=stored.dtype)
        genes[ours] = stored[theirs + len(SPECIAL)]
        parameter[len(SPECIAL) : len(SPECIAL) + len(programs)] = _of_programs(genes, programs)

    return from_text if weights.vocabulary is None else from_genes


def _names_in(known: Vocabulary | None, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return the names that pretrained weights have for the genes of a vocabulary: human symbols
    where the weights are those of a corpus, in which species meet, else the genes' own ids."""
    if known is None or known.organism != HUMAN or vocabulary.organism not in ORGANISMS:
        return vocabulary.genes
    rows, _ = orthologs.to_human(vocabulary.genes, vocabulary.symbols, vocabulary.organism)
    return tuple(rows["human"])


def spread(rows: torch.Tensor, published: torch.Tensor, typical_value: float) -> torch.Tensor:
    """Centre new embeddings and bring them, times a typical value, to the spread of the published.

    Means of pieces lie close together around the mean of all pieces: what tells them apart is
    small beside what they share, and beside what the blocks have learnt to read.

    Parameters
    ----------
    rows
        Shape (tokens, width).
    published
        The embeddings that the blocks know, shape (pieces, width).
    typical_value
        Root mean square of the values that the rows will be multiplied by; 1 without values.
    """
    centred = rows - rows.mean(0)
    own = centred.float().pow(2).mean().sqrt()
    if len(rows) < 2 or own == 0 or typical_value <= 0:
        return rows
    wanted = (published - published.mean(0)).float().pow(2).mean().sqrt() / typical_value
    return centred * (wanted / own).to(rows.dtype)


def _of_programs(genes: torch.Tensor, programs: Programs) -> torch.Tensor:
    """Mean of the embeddings of each program's genes, weighed by the size of their loadings; shape
    (programs, width)."""
    sizes = torch.from_numpy(programs.loadings).abs()
    return (sizes / sizes.sum(dim=1, keepdim=True).clamp(min=1e-12)).to(genes.dtype) @ genes


def of_symbols(embedding: torch.Tensor, vocabulary: Vocabulary) -> torch.Tensor:
    """Mean of the embeddings of each symbol's pieces; shape (genes, width).

    Parameters
    ----------
    embedding
        GPT-2's token embedding, shape (at least 50,257, width).
    """
    pieces = bpe.pieces(bpe.words(vocabulary.genes, vocabulary.symbols))
    starts = torch.from_numpy(pieces.starts)
    return nn.functional.embedding_bag(
        torch.from_numpy(pieces.tokens).long(), embedding, starts, mode="mean"
    )
