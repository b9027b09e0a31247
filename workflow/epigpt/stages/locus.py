"""Ask whether the deciding genes crowd one place of the genome, and score the models again without
it."""

import json
from dataclasses import asdict
from typing import Any

import pandas as pd

from epigpt import files
from epigpt.model_names import FINETUNED
from epigpt.models.presets import ON_CPUS
from epigpt.stages import entry

_LASSO = "logistic_l1"


def main() -> None:
    """Read expression, folds, attributions and predictions; write the place and the scores."""
    with entry.job(__doc__) as job:
        from epigpt.evaluation import without_genes

        found, scored = _answered(job)
        if scored is None:
            scored = pd.DataFrame(columns=without_genes.COLUMNS)
        files.write_json(job.file("locus"), found)
        files.write_tsv(job.file("scores"), scored)


def _answered(job: entry.Job) -> tuple[dict[str, Any], pd.DataFrame | None]:
    from epigpt.dataset import expression_data, storage
    from epigpt.evaluation import baselines, cross_validation
    from epigpt.genes.positions import GENOMES
    from epigpt.interpretation import locus

    expression = job.file("expression")
    organism, [var] = storage.text(expression, "organism"), storage.parts(expression, "var")
    excluded = int(var["excluded"].sum()) if "excluded" in var else 0
    told = {"excluded": excluded, "organism": organism, "tested": False, "locus": None}
    summary = json.loads(job.file("summary").read_text(encoding="utf-8"))
    if not summary["assessable"]:
        return {**told, "reason": "no model was tested"}, None
    if organism not in GENOMES:
        job.log.info("where genes of %s lie is not known", organism)
        reason = f"where the genes of {organism or 'this species'} lie is not known"
        return {**told, "reason": reason}, None
    data = expression_data.read(expression)
    genes = pd.DataFrame({"symbol": var["symbol"].astype(str)}, index=var.index.astype(str))
    genes = genes.loc[data.genes]
    folds = cross_validation.read(job.file("folds"))
    attributed = pd.read_csv(job.file("attributions"), sep="\t", dtype={"gene": str})
    deciding = {
        _LASSO: baselines.deciding_genes(_LASSO, data, folds, job.settings["seed"]),
        "finetuned": list(attributed.sort_values("rank", kind="stable")["gene"]),
    }
    place = locus.crowded(organism, deciding, genes, summary["classes"])
    if place is None:
        job.log.info("the deciding genes crowd no place of the genome")
        return {**told, "tested": True, "reason": ""}, None
    job.log.info("%d deciding genes crowd chromosome %s", len(place.genes), place.chromosome)
    left_out = frozenset(genes.index[locus.within(place, organism, genes)])
    scored = _without(job, data, folds, summary["classes"], left_out)
    place_told = {**asdict(place), "left_out": len(left_out), "genome": GENOMES[organism]}
    return {**told, "tested": True, "reason": "", "locus": place_told | _scores(scored)}, scored


def _without(
    job: entry.Job, data: Any, folds: pd.DataFrame, classes: list[str], left_out: frozenset[str]
) -> pd.DataFrame:
    from epigpt.evaluation import predictions, refit_pipeline, without_genes
    from epigpt.training import gpus

    gpus.claim()
    settings = job.settings
    fitted = [*files.beneath(job.files("finetuned"), "predictions.tsv"), *job.files("baselines")]
    before = predictions.collect(fitted)
    models = list(dict.fromkeys(before["model"]))
    if settings["model"] not in ON_CPUS:
        job.log.info("GPT-2 is not fitted again: a large model would take another GPU job")
        models.remove(FINETUNED)
    after = without_genes.refitted(
        refit_pipeline.Pipeline(settings["model"], settings, threads=job.threads),
        job.file("expression"),
        data,
        folds,
        classes,
        left_out=left_out,
        models=models,
        seed=settings["seed"],
    )
    return without_genes.compared(
        before, after, folds, classes, bootstrap=settings["bootstrap"], seed=settings["seed"]
    )


def _scores(scored: pd.DataFrame) -> dict[str, Any]:
    """Return GPT-2's figures, where it was fitted again, and those of the best rival."""
    from epigpt.evaluation import without_genes

    best = without_genes.best(scored)
    figures: dict[str, Any] = {}
    for _, own in scored[scored["model"] == FINETUNED].iterrows():
        figures = {"gpt2": float(own["auc"]), "gpt2_without": float(own["auc_without"])}
    if best is not None:
        figures |= {
            "rival": str(best["model"]),
            "rival_before": float(best["auc"]),
            "rival_without": float(best["auc_without"]),
        }
    return {"scores": figures}


if __name__ == "__main__":
    main()
