"""Hold marker genes and the paper's claims against the contrasts; score excitation against inhibition."""

from pathlib import Path

import pandas as pd

from epigpt import atomic
from epigpt.stages import entry


def main() -> None:
    """Run the stage."""
    parser = entry.parser(__doc__)
    for name in ("--contrasts", "--expression", "--markers", "--balance", "--claims"):
        parser.add_argument(name, type=Path, required=True)
    with entry.job(parser) as job:
        import anndata

        from epigpt.interpretation import markers

        data = anndata.read_h5ad(job.options.expression)
        organism = str(data.uns.get("organism", ""))
        if organism not in ("human", "mouse", "rat", "zebrafish"):
            job.log.info("No marker table for organism '%s': header-only tables.", organism)
            for path, columns in (
                (job.options.markers, markers.MARKERS),
                (job.options.balance, markers.BALANCE),
                (job.options.claims, markers.CLAIMS),
            ):
                atomic.write_tsv(path, pd.DataFrame(columns=columns))
            return
        contrasts = pd.read_csv(job.options.contrasts, sep="\t", dtype={"gene": str, "symbol": str, "contrast": str})
        first = contrasts["contrast"].iloc[0] if len(contrasts) else ""
        found = markers.assess(organism, data.var, contrasts[contrasts["contrast"] == first])
        chosen = data[:, [gene in set(found["gene"]) for gene in data.var_names]]
        values = pd.DataFrame(
            chosen.layers["lognorm"].toarray(), index=data.obs["sample"].astype(str).to_numpy(), columns=chosen.var_names
        )
        samples = data.obs.astype({"sample": str, "group": str, "label": str}).drop_duplicates("sample").set_index("sample").sort_index()
        scores = markers.balance(found, samples, values.groupby(level=0).mean().sort_index())
        atomic.write_tsv(job.options.markers, found[markers.MARKERS])
        atomic.write_tsv(job.options.balance, scores)
        atomic.write_tsv(job.options.claims, markers.claims(found, scores, first.split(" vs ")[0]))


if __name__ == "__main__":
    main()
