"""What is known of a pretrained model beside its weights: genes, loss on series held out, card."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from epigpt import files
from epigpt.corpus import card
from epigpt.corpus.shards import AXES, Shard
from epigpt.corpus.store import CorpusStore
from epigpt.encoding import shared_programs
from epigpt.models.language_model import NextGene
from epigpt.models.next_value import NextValue
from epigpt.training import batches
from epigpt.training.plan import Plan

HELD_OUT_COLUMNS = ["series", "organism", "examples", "loss", "perplexity"]


@dataclass(frozen=True)
class LearntFrom:
    """A corpus, as far as a model learns from it.

    Attributes
    ----------
    folder
        Holds the shards.
    table, used
        corpus.tsv, and its rows of series that are trained on or held out.
    shards
        Of the rows of `used`.
    trained, held
        Numbers of those that are trained on, and held out.
    """

    folder: Path
    table: pd.DataFrame
    used: pd.DataFrame
    shards: list[Shard]
    store: CorpusStore
    trained: list[int]
    held: list[int]


def describe(
    folder: Path,
    corpus: LearntFrom,
    planned: Plan,
    start: str,
    *,
    named: tuple[str, str, str],
    device: torch.device,
) -> None:
    """Write what is known of a model beside its weights and the programmes of its corpus.

    Parameters
    ----------
    start
        Which weights it began with, or none.
    named
        Corpus, preset, and hash of everything that decides the weights.
    """
    name, preset, identity = named
    store = corpus.store
    store.vocabulary.save(folder / "vocabulary.json")
    files.write_tsv(folder / "gene_statistics.tsv", gene_statistics(corpus.shards, corpus.folder))
    files.write_json(folder / "plan.json", planned.as_dict())
    files.write_tsv(folder / "corpus.tsv", corpus.table)
    found = held_out(folder, store, corpus.held, planned.micro_batch_size, device)
    files.write_tsv(folder / "held_out.tsv", found)
    described = card.describe(
        name,
        preset,
        store.recipe,
        corpus.table,
        found,
        start=start,
        programmes=len(shared_programs.load(folder / shared_programs.FILE).loadings),
        identity=identity,
    )
    files.write_json(folder / card.FILE, described)
    files.write_text(folder / "README.md", card.text(described, planned))
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors writes for the owner alone


def gene_statistics(shards: Sequence[Shard], folder: Path) -> pd.DataFrame:
    """List the genes that the model knows: series that have them, samples or cells in these, mean
    and scale over series."""
    parts = []
    for shard in shards:
        with np.load(folder / shard.identity / AXES, allow_pickle=False) as stored:
            own = {"gene": shard.genes, "mean": stored["centre"], "scale": stored["scale"]}
        parts.append(pd.DataFrame(own).assign(observations=shard.observations))
    grouped = pd.concat(parts).groupby("gene", sort=True)
    return pd.DataFrame(
        {
            "series": grouped.size(),
            "observations": grouped["observations"].sum(),
            "mean": grouped["mean"].mean(),
            "scale": grouped["scale"].mean(),
        }
    ).reset_index()


def held_out(
    folder: Path, store: CorpusStore, held: Sequence[int], batch: int, device: torch.device
) -> pd.DataFrame:
    """Measure the finished model on the series held out, one row per series; columns as in
    `HELD_OUT_COLUMNS`, perplexity where tokens are predicted."""
    has_values = store.values is not None
    kind = NextValue if has_values else NextGene
    model = kind.from_pretrained(folder, dtype=torch.float32).eval().to(device)
    rows = []
    for one in held:
        examples, total = store.examples([one]), 0.0
        for start in range(0, len(examples), batch):
            part = slice(start, start + batch)
            shown = batches.collate(store, examples.rows[part], examples.views[part])
            with torch.no_grad():
                loss = model(**{name: tensor.to(device) for name, tensor in shown.items()}).loss
            total += float(loss.sum())
        mean = total / len(examples)
        shard = store.shards[one]
        perplexity = None if has_values else float(np.exp(mean))
        rows.append((shard.series, shard.organism, len(examples), mean, perplexity))
    return pd.DataFrame(rows, columns=HELD_OUT_COLUMNS)
