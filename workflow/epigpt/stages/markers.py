"""Hold marker genes, marker sets and the paper's claims against the data set; score excitation
against inhibition."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from epigpt import files
from epigpt.dataset import storage
from epigpt.genes import orthologs
from epigpt.genes.annotation import ORGANISMS
from epigpt.interpretation import (
    balance,
    claims,
    donor_statistics,
    first_contrast,
    gene_sets,
    markers,
)
from epigpt.stages import entry


def main() -> None:
    """Read contrasts and expression; write markers, set tests, scores and claims."""
    with entry.job(__doc__) as job:
        tables = _tables(job, gene_sets.own(job.files("gene_sets")))
        if tables["claims"].empty:
            job.log.info("There is no marker table for this organism: header-only tables.")
        for name, table in tables.items():
            files.write_tsv(job.file(name), table)


def _tables(job: entry.Job, own_sets: dict[str, list[str]]) -> dict[str, pd.DataFrame]:
    path = job.file("expression")
    organism = storage.text(path, "organism")
    described, var = storage.parts(path, "obs", "var")
    if organism not in ORGANISMS:
        columns = {
            "markers": markers.MARKERS,
            "sets": markers.SET_TESTS,
            "balance": balance.BALANCE,
            "claims": claims.CLAIMS,
        }
        return {name: pd.DataFrame(columns=listed) for name, listed in columns.items()}
    genes = pd.DataFrame({"symbol": var["symbol"].astype(str)}, index=var.index.astype(str))
    contrast, changes = first_contrast.read(job.file("contrasts"))
    answer, reading = (_read(job.optional(name)) for name in ("answer", "reading"))
    attributed = job.optional("attributions") if answer.get("genes_are_listed", True) else None
    attributions = pd.read_csv(attributed, sep="\t", dtype={"gene": str}) if attributed else None
    table = markers.assess(organism, genes, changes, attributions)
    samples = (
        described.astype({"sample": str, "group": str, "label": str})
        .drop_duplicates("sample")
        .set_index("sample")[["group", "label"]]
    )
    named = markers.members(table)
    human = (
        list(orthologs.to_human(list(genes.index), list(genes["symbol"]), organism)[0]["human"])
        if own_sets
        else []
    )
    located = gene_sets.locate(own_sets, list(genes.index), list(genes["symbol"]), human)
    singles = {
        name: ids for found in located.values() for name, ids in found.items() if name not in named
    }
    expression = donor_statistics.pooled(
        (values for _, values in storage.blocks(path, "layers/lognorm")),
        list(described["sample"].astype(str)),
        list(genes.index),
        named | singles,
    )
    extra = {name: list(found) for name, found in located.items()}
    classes = _classes(contrast, sorted(set(samples["label"])))
    tested = markers.score_sets(table, expression, samples, classes, extra)
    scores = balance.score(
        expression[[name for name in expression.columns if name in named]], samples
    )
    judged = claims.judge(
        claims.Evidence(table, tested, scores, expression, samples, classes),
        claims.obstacle(answer, reading, job.settings.get("domain", "auto")) if answer else "",
        claims.caveat(answer),
    )
    return {
        "markers": table[markers.MARKERS],
        "sets": tested,
        "balance": scores,
        "claims": judged,
    }


def _read(path: Path | None) -> dict[str, Any]:
    return {} if path is None else dict(json.loads(path.read_text(encoding="utf-8")))


def _classes(contrast: str, labels: list[str]) -> tuple[str, str]:
    """Read case and control off the contrast's name; without one, the last of two labels by name
    against the other."""
    for case in labels:
        for control in labels:
            if contrast == f"{case} vs {control}":
                return case, control
        if contrast == f"{case} vs rest":
            return case, ""
    return (labels[-1], labels[0]) if len(labels) == 2 else (labels[0] if labels else "", "")


if __name__ == "__main__":
    main()
