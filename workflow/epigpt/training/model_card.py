"""The model card: what a finished model is, what it was fitted on, how to use it, what it is not
for."""

import html
import re
from typing import Any

from epigpt.encoding.token_dataset import TokenDataset
from epigpt.models import published
from epigpt.training.plan import Plan


def _shown(name: str) -> str:
    """Return a name of a record as text that neither HTML nor Markdown takes for more."""
    return re.sub(r"([\\`*_{}\[\]()#+!|~-])", r"\\\1", html.escape(" ".join(name.split())))


def text(preset: str, fit: str, store: TokenDataset, plan: Plan, settings: dict[str, Any]) -> str:
    """Write the model card in Markdown with the metadata block that model hubs read."""
    training = store.index[store.index["set"] == "train"]
    counts = training.drop_duplicates("sample")["label"].value_counts().sort_index()
    rates = ", ".join(f"{rate:g} ({kind})" for kind, rate in plan.learning_rates.items())
    classes = "\n".join(
        f"- {_shown(name)}: {counts.get(name, 0)} samples" for name in store.classes
    )
    return f"""---
library_name: transformers
pipeline_tag: text-classification
tags: [gene-expression, gpt2, epigpt]
---
# GPT-2 classifier of gene expression

Preset `{preset}`, fit `{fit}`, {plan.parameters:,} parameters, encoding `{store.recipe.encoding}` with
{store.recipe.max_genes} genes per sequence and {store.recipe.views} views per sample; {len(store.vocabulary.genes):,} genes of
{store.vocabulary.organism}. Trained for {plan.steps:,} steps of {plan.global_batch_size} sequences in {plan.precision}, peak learning
rates {rates}, tuning `{settings["tuning"]}`, weights `{settings["weights"]}`, seed {settings["seed"]}.
{published.corpus_card(settings["weights"]).get("said", "")}

## Training samples
{training["sample"].nunique()} samples of {training["group"].nunique()} groups:

{classes}

## Use
```
epigpt predict MODEL_DIR SAMPLES
```

```python
import epigpt
from transformers import AutoModelForSequenceClassification

model = AutoModelForSequenceClassification.from_pretrained("MODEL_DIR")
```

`vocabulary.json` lists the genes, `reference.npz` the training statistics that samples are encoded against, `labels.json` the classes
and the encoding.

## Limits
Fitted on one series: protocol, tissue and laboratory are part of what it has learnt. `answer.json`, beside a final model, says which
series, what was asked, the verdict, its AUC on held-out donors, the licence of the data, and how far its own samples lie from its
reference: `epigpt predict` shows it, flags samples that lie further, and refuses those of another tissue. Not a medical device.
"""  # noqa: E501
