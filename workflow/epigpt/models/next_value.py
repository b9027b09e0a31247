"""A GPT-2 that tells how far the next gene deviates: language modelling over genes with values."""

from typing import Any

import torch
from transformers.modeling_outputs import SequenceClassifierOutput

from epigpt.models.language_model import LanguageModel


class NextValue(LanguageModel):
    """Embedding and blocks as in the classifiers, read off through the token embedding itself.

    A position knows the genes before it with their values. Asked for the value of the gene that
    follows, it answers with the product of its state and that gene's embedding: embeddings become
    loadings, states the sample's scores on what genes do together. It is masked value prediction
    in the order in which GPT-2 reads, where every position is asked and none is wasted on a mask.
    """

    def forward(
        self,
        input_ids: torch.LongTensor,
        attention_mask: torch.Tensor,
        values: torch.Tensor | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Return as `loss` the share of each sequence's sum of squares that stays unexplained,
        shape (batch,): 1 for a model that always answers 0.

        Parameters
        ----------
        input_ids, attention_mask
            int64, shape (batch, length), padded on the right.
        values
            Deviations, shape (batch, length).
        """
        if values is None:
            raise ValueError("an encoding without values")
        genes = self.transformer.wte(input_ids)
        shown = genes * values.unsqueeze(-1).to(genes.dtype)
        # No mask: padding follows what is read, and no position looks ahead.
        hidden = self.transformer(inputs_embeds=shown, use_cache=False).last_hidden_state
        asked = (hidden[:, :-1] * genes[:, 1:]).sum(-1).float()
        known = attention_mask[:, 1:].to(torch.float32)
        wanted = values[:, 1:].float()
        missed = ((asked - wanted) ** 2 * known).sum(1)
        return SequenceClassifierOutput(loss=missed / (wanted**2 * known).sum(1).clamp(min=1e-6))
