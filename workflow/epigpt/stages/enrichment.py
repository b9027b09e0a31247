"""Ask where gene sets lie in the ranking of all genes: processes of the Gene Ontology, the user's
own."""

import pandas as pd

from epigpt import files
from epigpt.dataset import storage
from epigpt.genes import orthologs
from epigpt.genes.annotation import ORGANISMS
from epigpt.interpretation import first_contrast, gene_sets
from epigpt.stages import entry


def main() -> None:
    """Read contrasts and the genes of the expression; write a row for each set."""
    with entry.job(__doc__) as job:
        asked = job.settings.get("pathways", "gene_ontology")
        sources = {
            gene_sets.OWN: gene_sets.own(job.files("gene_sets")),
            gene_sets.GENE_ONTOLOGY: gene_sets.processes() if asked == "gene_ontology" else {},
        }
        table = _table(job, sources)
        job.log.info("%d gene sets", len(table))
        files.write_tsv(job.file("enrichment"), table)


def _table(job: entry.Job, sources: dict[str, dict[str, list[str]]]) -> pd.DataFrame:
    path = job.file("expression")
    organism = storage.text(path, "organism")
    if organism not in ORGANISMS:
        return pd.DataFrame(columns=gene_sets.ENRICHMENT)
    (var,) = storage.parts(path, "var")
    genes, symbols = list(var.index.astype(str)), list(var["symbol"].astype(str))
    human = (
        list(orthologs.to_human(genes, symbols, organism)[0]["human"])
        if any(sources.values())
        else []
    )
    _, ranking = first_contrast.read(job.file("contrasts"))
    parts = [
        gene_sets.enrichment(
            gene_sets.locate(sets, genes, symbols, human),
            {name: len(listed) for name, listed in sets.items()},
            ranking,
            job.settings.get("seed", 1),
            source,
        )
        for source, sets in sources.items()
    ]
    return pd.concat([part for part in parts if len(part)] or parts[:1])


if __name__ == "__main__":
    main()
