"""What was learnt from what: the card of a pretrained model, and the one sentence that reports and
models built on it repeat."""

import html
from collections.abc import Mapping
from typing import Any

import pandas as pd

from epigpt.corpus.selection import HELD_OUT, LEFT_OUT, TRAIN
from epigpt.encoding.token_dataset import EncodingConfig
from epigpt.models.published import CORPUS_CARD, NONE
from epigpt.training.plan import Plan

FILE = CORPUS_CARD
_SHOWN = 12


def describe(
    name: str,
    preset: str,
    recipe: EncodingConfig,
    table: pd.DataFrame,
    held_out: pd.DataFrame,
    *,
    start: str,
    programmes: int,
    identity: str,
) -> dict[str, Any]:
    """Return in figures what a model was pretrained on.

    Parameters
    ----------
    start
        Which weights it began with, or none.
    programmes
        How many were found to be shared.
    identity
        Hash of everything that decides the weights.
    table
        corpus.tsv.
    held_out
        held_out.tsv.
    """
    trained = table[table["use"] == TRAIN]
    observations = trained["observations"].replace("", "0").astype(int)
    found = {
        "corpus": name,
        "identity": identity,
        "preset": preset,
        "start": start,
        "encoding": recipe.encoding,
        "series": len(trained),
        "observations": int(observations.sum()),
        "programmes": programmes,
        "organisms": {
            str(key): int(count)
            for key, count in observations.groupby(trained["organism"]).sum().items()
        },
        "names": trained["series"].tolist(),
        "held_out": table.loc[table["use"] == HELD_OUT, "series"].tolist(),
        "left_out": [
            {"series": row.series, "reason": row.reason}
            for row in table[table["use"] == LEFT_OUT].itertuples()
        ],
        "held_out_loss": _mean(held_out["loss"]),
        "perplexity": _mean(held_out["perplexity"]),
    }
    return {**found, "said": sentence(found)}


def _mean(values: pd.Series) -> float | None:
    known = pd.to_numeric(values).dropna()
    return round(float(known.mean()), 4) if len(known) else None


def sentence(described: Mapping[str, Any]) -> str:
    """Return what was learnt from what, in one sentence for reports and cards."""
    species = ", ".join(f"{count:,} of {name}" for name, count in described["organisms"].items())
    said = (
        f"Pretrained without any label on the corpus '{described['corpus']}':"
        f" {described['observations']:,} samples or cells of {described['series']} series"
        f" ({species})"
    )
    if number := described["programmes"]:
        said += f", which share {number} programme{'s' if number > 1 else ''} of genes"
    if number := len(described["left_out"]):
        said += (
            f"; {number} series {'were' if number > 1 else 'was'} left out, as is any that is"
            " tested here or shares samples with it"
        )
    return said + "."


def _escaped(text: str) -> str:
    """Escape what Markdown would take for markup; quotation marks are none."""
    return html.escape(text, quote=False)


def text(described: Mapping[str, Any], plan: Plan) -> str:
    """Write the card in Markdown with the metadata block that model hubs read."""
    left = "\n".join(
        f"- {_escaped(one['series'])}: {_escaped(one['reason'])}" for one in described["left_out"]
    )
    names = described["names"]
    listed = ", ".join(map(_escaped, names[:_SHOWN]))
    more = f" and {len(names) - _SHOWN} more (`corpus.tsv`)" if len(names) > _SHOWN else ""
    held = ", ".join(map(_escaped, described["held_out"])) or "none"
    measured = (
        f"perplexity {described['perplexity']:g} per gene"
        if described["perplexity"] is not None
        else f"{described['held_out_loss']:g} of the values' sum of squares unexplained (1: nothing"
        " learnt)"
        if described["held_out_loss"] is not None
        else "not measured: too few series to hold one out"
    )
    begun = "random weights" if described["start"] == NONE else f"`{described['start']}`"
    task = (
        "the value of the next gene from the genes before it"
        if described["encoding"] == "gene-values"
        else "the next gene of the ranked list from the genes before it"
    )
    return f"""---
library_name: transformers
tags: [gene-expression, gpt2, epigpt]
---
# GPT-2 pretrained on gene expression

{described["said"]} Preset `{described["preset"]}`, {plan.parameters:,} parameters, encoding
`{described["encoding"]}`, {plan.steps:,} steps of {plan.global_batch_size} sequences at most, in {plan.precision}.
It began with {begun} and predicts {task}.

## Series
Trained on: {listed}{more}.
Held out, to stop by: {held}. There: {measured}; by series in `held_out.tsv`.

Left out:

{left or "- none"}

## Use
`weights: corpus` in the run that made it, or `weights: FOLDER` in another: there nothing keeps this
corpus and what is tested apart, so compare `corpus.tsv` with the data sets first.

`vocabulary.json` lists the genes as human symbols, `gene_statistics.tsv` what is known of each,
`shared_programs.npz` the programmes that the series share: with `encoding: program-tokens` a rule
over them, fitted on the training donors alone, is one of the tokens of every sample.

## Limits
Samples were measured against the mean of their own series, so it knows what varies within series,
not what sets tissues apart. Not a medical device.
"""  # noqa: E501
