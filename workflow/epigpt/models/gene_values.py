"""GPT-2 over genes with values: each gene's embedding times its deviation, transformer blocks, mean
over positions."""

from typing import Any, cast

import torch
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.models.auto import AutoConfig, AutoModelForSequenceClassification
from transformers.models.gpt2.configuration_gpt2 import GPT2Config
from transformers.models.gpt2.modeling_gpt2 import GPT2Model, GPT2PreTrainedModel

MODEL_TYPE = "epigpt-gene-values"


class GeneValuesConfig(GPT2Config):
    """GPT-2's configuration under a name of its own.

    Parameters
    ----------
    linear_path
        Whether the logits are those of a linear classifier of the values plus what the blocks add.
    blocks_share
        Factor of what the blocks add to the linear classifier.
    """

    model_type = MODEL_TYPE

    def __init__(
        self, linear_path: bool = False, blocks_share: float = 1.0, **options: Any
    ) -> None:
        super().__init__(**options)
        self.linear_path = linear_path
        self.blocks_share = blocks_share


class GeneValuesForSequenceClassification(GPT2PreTrainedModel):
    """A GPT-2 whose tokens carry values; loadable through the Auto classes once `epigpt` is
    imported.

    A gene's embedding is scaled by its deviation from the training reference, so that a sample
    without a deviation in a gene adds nothing for it, and raised and lowered genes point in
    opposite directions. The mean over positions replaces the last position: a bag of genes has no
    last word. GPT-2's last layer norm makes every position equally large, which loses how far a
    sample deviates in which genes; the head therefore also reads the mean of the embeddings before
    the blocks, brought to the same scale. What the blocks add to this direct path is what
    `finetuned_no_blocks` shows.

    Where every token keeps its place and meaning (`linear_path`), the direct path is a linear
    classifier of the values with a weight for each token and class, and the head over the blocks
    begins at zero: the model begins as the linear classifier that it is handed, and the blocks
    learn what that one leaves. Without blocks it stays a linear classifier.
    """

    config_class = GeneValuesConfig

    def __init__(self, config: GeneValuesConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.transformer = GPT2Model(config)
        self.score = nn.Linear(config.n_embd, cast(int, config.num_labels), bias=False)
        if config.linear_path:
            self.linear = nn.Embedding(config.vocab_size, cast(int, config.num_labels))
            self.linear_bias = nn.Parameter(torch.zeros(cast(int, config.num_labels)))
        self.post_init()
        self.let_blocks_add_nothing()

    def let_blocks_add_nothing(self) -> None:
        """Begin as the linear classifier, which knows nothing yet, where there is one."""
        if self.config.linear_path:
            nn.init.zeros_(self.linear.weight)
            nn.init.zeros_(self.score.weight)

    def forward(
        self,
        input_ids: torch.LongTensor,
        values: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        labels: torch.LongTensor | None = None,
        **options: Any,
    ) -> SequenceClassifierOutput:
        """Classify token sequences.

        Parameters
        ----------
        input_ids
            Gene tokens, int64, shape (batch, length), padded on the right.
        values
            Deviations, float, shape (batch, length); absent: 1 everywhere, for encodings without
            values.
        attention_mask
            1 before the padding, shape (batch, length); derived from the padding token where
            absent.
        labels
            Class numbers, shape (batch,); their cross entropy is returned as `loss`.
        """
        if attention_mask is None:
            attention_mask = torch.ne(input_ids, cast(int, self.config.pad_token_id)).long()
        embedded = self.transformer.wte(input_ids)
        if values is not None:
            embedded = embedded * values.unsqueeze(-1).to(embedded.dtype)
        options.pop("return_dict", None)
        # Padding follows what is read, and no position looks ahead: without a mask attention takes
        # its fastest kernel, and what it makes of the padding is left out of the mean.
        hidden = self.transformer(inputs_embeds=embedded, use_cache=False).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        held = mask.sum(1).clamp(min=1)
        pooled = (hidden * mask).sum(1) / held
        if self.config.linear_path:
            weights = self.linear(input_ids) * mask.to(self.linear.weight.dtype)
            if values is not None:
                weights = weights * values.unsqueeze(-1).to(weights.dtype)
            logits = weights.sum(1) + self.linear_bias
            if self.config.n_layer:
                logits = logits + self.config.blocks_share * self.score(pooled)
        else:
            direct = nn.functional.layer_norm(
                (embedded * mask).sum(1) / held, (self.config.n_embd,)
            )
            logits = self.score(pooled + direct)
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits)


AutoConfig.register(MODEL_TYPE, GeneValuesConfig, exist_ok=True)
AutoModelForSequenceClassification.register(
    GeneValuesConfig, GeneValuesForSequenceClassification, exist_ok=True
)
