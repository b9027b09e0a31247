"""Decide which series of the corpus a model learns from: none that is tested in this run, in
whatever guise."""

import json

import numpy as np
import pandas as pd
import scipy.sparse

from epigpt import files
from epigpt.corpus import copies, selection, shards
from epigpt.corpus.shards import SHARDS
from epigpt.dataset import human_genes, storage
from epigpt.errors import InputError
from epigpt.genes.annotation import ORGANISMS
from epigpt.stages import entry

COLUMNS = [
    "series",
    "row",
    "source",
    "organism",
    "assay",
    "samples",
    "observations",
    "genes",
    "use",
    "reason",
    "shard",
]


def main() -> None:
    """Write corpus.tsv."""
    with entry.job(__doc__) as job:
        found, skipped = [], []
        for path in job.files("listed"):
            listed = json.loads(path.read_text(encoding="utf-8"))
            row = path.parent.name
            found += [
                shards.load(job.file("table").parent / SHARDS / one["identity"], one)
                for one in listed["shards"]
            ]
            skipped += [{**one, "row": row} for one in listed["skipped"]]
        tested = [
            _tested(counts.parent.name, counts, reading)
            for counts, reading in zip(job.files("counts"), job.files("readings"), strict=True)
        ]
        decided = selection.decide(
            found,
            job.file("table").parent / SHARDS,
            tested,
            held_out=job.settings["pretraining.held_out"],
            seed=job.settings["seed"],
        )
        table = pd.DataFrame(
            [_row(one) for one in decided]
            + [{**one, "use": selection.LEFT_OUT} for one in skipped],
            columns=COLUMNS,
        ).fillna("")
        files.write_tsv(job.file("table"), table)
        _refuse_empty(table, str(job.file("table")))
        for use, count in table["use"].value_counts().sort_index().items():
            job.log.info("%d series: %s", count, use)
        for one in table[table["use"] == selection.LEFT_OUT].itertuples():
            job.log.warning("Left out: %s: %s", one.series, one.reason)


def _row(one: selection.Decision) -> dict[str, object]:
    shard = one.shard
    return {
        "series": shard.series,
        "row": shard.row,
        "source": shard.source,
        "organism": shard.organism,
        "assay": shard.assay,
        "samples": str(len(shard.samples)),
        "observations": str(shard.observations),
        "genes": str(len(shard.genes)),
        "use": one.use,
        "reason": one.reason,
        "shard": shard.identity,
    }


def _tested(name: str, counts: object, reading: object) -> selection.Tested:
    """Describe a data set of the run by what would betray it in the corpus."""
    from pathlib import Path

    path, told = Path(str(counts)), json.loads(Path(str(reading)).read_text(encoding="utf-8"))
    obs, var, matrix = storage.parts(path, "obs", "var", "X")
    organism, source = storage.text(path, "organism"), storage.text(path, "source")
    sample = obs["sample"].astype(str).to_numpy(dtype=str)
    if organism in ORGANISMS:
        genes, summed = human_genes.summed(
            scipy.sparse.csr_matrix(matrix),
            var.index.astype(str).tolist(),
            var["symbol"].astype(str).tolist(),
            organism,
        )
    else:
        genes = np.zeros(0, dtype=str)
        summed = scipy.sparse.csr_matrix((len(sample), 0))
    named = {source, *told.get("series", {}).get("related", ())}
    return selection.Tested(
        name=name,
        accessions=frozenset(one for one in named if one.upper().startswith("GSE")),
        samples=frozenset(sample.tolist()),
        panel=copies.panel(summed, genes, sample),
    )


def _refuse_empty(table: pd.DataFrame, where: str) -> None:
    if (table["use"] == selection.TRAIN).any():
        return
    reasons = "; ".join(f"{one.series}: {one.reason}" for one in table.head(5).itertuples())
    raise InputError(
        f"no series that can be used among {len(table)}" + (f" ({reasons})" if reasons else ""),
        where,
        "there is nothing to learn from",
        "add series to the corpus table that are no data sets of this run, or set weights: none",
    )


if __name__ == "__main__":
    main()
