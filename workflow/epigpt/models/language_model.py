"""A GPT-2 that tells which token comes next: language modelling over genes, before there is any
class."""

from typing import Any, cast

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.models.gpt2.configuration_gpt2 import GPT2Config
from transformers.models.gpt2.modeling_gpt2 import GPT2Model, GPT2PreTrainedModel

# Positions whose scores over the whole vocabulary are held at a time: 50,257 tokens at 1,024
# positions would take 200 MB a sequence.
POSITIONS = 256


class LanguageModel(GPT2PreTrainedModel):
    """Embedding and blocks of GPT-2 without a head of their own, in GPT-2's own form."""

    config_class = GPT2Config

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.post_init()


class NextGene(LanguageModel):
    """Embedding and blocks as in the classifiers, read off through the token embedding itself as in
    GPT-2.

    The tokens of a sequence are ranked, so what comes next is the gene that deviates most among the
    remaining ones.
    """

    def forward(
        self,
        input_ids: torch.LongTensor,
        attention_mask: torch.Tensor,
        values: torch.Tensor | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Return as `loss` each sequence's mean cross entropy of its next tokens, shape (batch,); 0
        for a sequence of one token.

        Parameters
        ----------
        input_ids, attention_mask
            int64, shape (batch, length), padded on the right.
        values
            Deviations by which the embeddings are scaled, shape (batch, length).
        """
        embedded = self.transformer.wte(input_ids)
        if values is not None:
            embedded = embedded * values.unsqueeze(-1).to(embedded.dtype)
        # No mask: padding follows what is read, and no position looks ahead.
        hidden = self.transformer(inputs_embeds=embedded, use_cache=False).last_hidden_state
        known = attention_mask[:, 1:].to(torch.float32)
        parts = [
            _losses(
                hidden[:, start : start + POSITIONS],
                input_ids[:, start + 1 : start + POSITIONS + 1],
                self.transformer.wte.weight,
            )
            for start in range(0, input_ids.shape[1] - 1, POSITIONS)
        ]
        losses = torch.cat(parts, dim=1) if parts else known
        return SequenceClassifierOutput(loss=(losses * known).sum(1) / known.sum(1).clamp(min=1))


def _losses(hidden: torch.Tensor, following: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
    states = hidden[:, : following.shape[1]]
    if hasattr(
        embedding, "ds_id"
    ):  # ZeRO 3 gives a parameter back after its use, before a second forward pass could read it
        return _cross_entropy(states, following, embedding)
    return cast(
        torch.Tensor, checkpoint(_cross_entropy, states, following, embedding, use_reentrant=False)
    )


def _cross_entropy(
    states: torch.Tensor, following: torch.Tensor, embedding: torch.Tensor
) -> torch.Tensor:
    scores = (states @ embedding.T).float()
    return nn.functional.cross_entropy(scores.transpose(1, 2), following, reduction="none")
