"""Methods in sentences, versions, checksums, citations; limits."""

from typing import Any

import pandas as pd

from epigpt.config import repetitions
from epigpt.report import blocks, wording
from epigpt.report.blocks import Section
from epigpt.report.results import Results
from epigpt.report.sections.verdict import flatten

_CITATIONS = {
    "GPT-2": "Radford A. et al. Language models are unsupervised multitask learners. OpenAI 2019.",
    "Snakemake": (
        "Mölder F. et al. Sustainable data analysis with Snakemake. F1000Research 2021;10:33."
    ),
    "DeepSpeed ZeRO": (
        "Rajbhandari S. et al. ZeRO: memory optimizations toward training trillion parameter"
        " models. SC 2020."
    ),
    "scanpy": (
        "Wolf F. A. et al. SCANPY: large-scale single-cell gene expression data analysis. Genome"
        " Biology 2018;19:15."
    ),
    "PyDESeq2": (
        "Muzellec B. et al. PyDESeq2: a Python package for bulk RNA-seq differential expression"
        " analysis. Bioinformatics 2023;39:btad547."
    ),
    "DESeq2": (
        "Love M. I. et al. Moderated estimation of fold change and dispersion for RNA-seq data with"
        " DESeq2. Genome Biology 2014;15:550."
    ),
    "scikit-learn": (
        "Pedregosa F. et al. Scikit-learn: machine learning in Python. JMLR 2011;12:2825."
    ),
}


_FACTS = {
    "epigpt.git": "Revision",
    "epigpt.version": "EpiGPT",
    "folds_checksum": "Folds, sha256",
    "python": "Python",
    "seed": "Seed",
}


def section(results: Results) -> Section:
    """Make the methods section: sentences from what was recorded, then versions and checksums as
    they are."""
    provenance = results.provenance
    content: list[Any] = [blocks.Prose(text) for text in _sentences(results)]
    for key, title in (
        ("settings", "Settings"),
        ("packages", "Versions"),
        ("checksums", "Checksums (sha256)"),
    ):
        rows = flatten(provenance.get(key) or {})
        if rows:
            frame = pd.DataFrame(
                [
                    [wording.short(name, 120), "" if value is None else str(value)]
                    for name, value in rows
                ],
                columns=["name", "value"],
            )
            content.append(
                blocks.Collapsible(
                    f"{title}: {len(rows)}",
                    [blocks.table(frame, f"provenance-{key}", title, most=300, folded=100)],
                    printed=True,
                )
            )
    elsewhere = (
        "settings",
        "packages",
        "checksums",
        "citations",
        "created",
        "machine",
        "jobs",
        "totals",
    )
    rest = {key: value for key, value in provenance.items() if key not in elsewhere}
    if rest:
        content.append(
            blocks.Facts(
                [
                    (_FACTS.get(key, key), "" if value is None else str(value))
                    for key, value in flatten(rest)
                ]
            )
        )
    cited = provenance.get("citations") or _CITATIONS
    content.append(
        blocks.Collapsible("Citations", [blocks.Facts(list(cited.items()))], printed=True)
    )
    return Section(
        "methods",
        "Methods, versions, checksums",
        "What a repetition of this run would need.",
        content,
        "" if provenance else "There is no provenance.json.",
    )


def machine(results: Results) -> str:
    """Return the one line that may differ between two runs with the same results: when and where it
    was made."""
    parts = [
        (
            wording.count(int(value), "core")
            if key == "machine.cores" and str(value).isdigit()
            else str(value)
        )
        for key, value in flatten(
            {key: results.provenance.get(key) for key in ("created", "machine")}
        )
        if value and not key.endswith("interpreter")
    ]
    return " · ".join(parts)


def _learning_rates(results: Results) -> str:
    """Return the peak learning rates that a fit's plan names, else what was configured."""
    planned = next((fit.plan for fit in results.fits if fit.plan.get("learning_rates")), {})
    rates = planned.get("learning_rates") or {}
    if len(set(rates.values())) > 1:
        return "learning rates " + ", ".join(f"{rate:g} ({kind})" for kind, rate in rates.items())
    configured = (results.provenance.get("settings") or {}).get("learning_rate")
    return f"learning rate {next(iter(rates.values()), configured)}"


def _views(results: Results) -> str:
    """Return how many views of what were encoded."""
    settings = results.provenance.get("settings") or {}
    assay = "single_cell" if results.single_cell else "bulk"
    number = repetitions.views(settings.get("views", "auto"), assay)
    return f"{wording.count(number, 'view')} of each {results.observation}"


def _passes(results: Results) -> Any:
    """Return how often a training passed over its views: as configured, else as its log says."""
    asked = (results.provenance.get("settings") or {}).get("epochs")
    logged = [
        round(float(fit.steps["epoch"].max())) for fit in results.fits if "epoch" in fit.steps
    ]
    return max(logged, default=asked) if asked == "auto" else asked


def _are_paired(results: Results) -> bool:
    """Return whether a donor among the compared samples has several classes."""
    compared = results.compared
    return bool(compared.groupby("group")["label"].nunique().gt(1).any())


def _sentences(results: Results) -> list[str]:
    settings = results.provenance.get("settings") or {}
    summary = results.folds_summary
    others = [
        wording.MODEL_NAMES.get(model, model)
        for model in sorted(set(results.metrics["model"]))
        if model != "finetuned"
    ]
    data = results.expression
    found = [
        (
            f"Counts were read from {results.reading['matrix']} and mapped to canonical genes;"
            " co-orthologs and repeated ids are summed before any logarithm."
            if results.reading.get("matrix")
            else ""
        ),
        (
            f"Expression: {_normalisation(data.uns)}."
            if data is not None and data.uns.get("normalisation")
            else ""
        ),
        (
            f"{len(results.compared)} samples were split"
            f" {wording.times(int(summary.get('repeats') or 1))} into {summary['folds']} folds by"
            f" {results.unit}, stratified by class; everything that is fitted (gene reference,"
            " scaling, model) is fitted inside the training part of each fold."
            if results.assessable and summary.get("folds")
            else ""
        ),
        (
            f"Where a {results.unit} has samples of several classes, GPT-2's start, a sparse rule"
            f" over genes, is fitted on what differs within {results.unit}s (their levels estimated"
            " beside those of the classes by least squares); held-out samples are read as they are."
            if results.assessable and _are_paired(results)
            else ""
        ),
        (
            f"GPT-2 (preset {settings.get('model')}, encoding {settings.get('encoding')}, at most"
            f" {settings.get('max_genes')} genes, {_views(results)} by binomial"
            f" thinning) was trained for {_passes(results)} epochs with AdamW"
            f" ({_learning_rates(results)}, batch"
            f" {settings.get('global_batch_size')}, weights {settings.get('weights')}); a sample's"
            " probability is the mean over its views."
            if results.assessable and settings.get("model")
            else ""
        ),
        (
            f"Baselines see the same folds: {wording.listing(others, 20)}."
            + (" Each sample is the sum of its cells." if results.single_cell else "")
            if len(results.metrics)
            else ""
        ),
        str(results.verdict.get("methods") or "") if len(results.metrics) else "",
        f"Seed {results.provenance['seed']}." if results.provenance.get("seed") is not None else "",
    ]
    return [text for text in found if text]


def _normalisation(uns: dict[str, Any]) -> str:
    told = uns["normalisation"]
    return (
        str(told.get("said") or told.get("formula") or "") if isinstance(told, dict) else str(told)
    )


def limits(results: Results) -> Section:
    """Make the section on what this report cannot say."""
    content = [blocks.Prose(text) for text in _limits(results)]
    return Section("limits", "Limits", "What cannot be concluded from this report.", content)


def _limits(results: Results) -> list[str]:
    samples = results.samples
    groups = [samples.loc[samples["label"] == name, "group"].nunique() for name in results.classes]
    fewest = min(groups, default=0)
    found = []
    if results.simulated:
        found.append("The data are simulated. What is found here was planted.")
    if results.assessable and len(results.metrics):
        found.append(
            f"The smallest class has {wording.count(fewest, results.unit, results.units)}. With 3"
            f" against 3 {results.units} an"
            " AUC of 0.90 or more arises by luck in 5 % of draws without any signal, with 4"
            " against 4 in 2.8 %, with 6 against 6 in 0.75 %."
        )
        if results.metrics["p"].isna().all():
            found.append(
                "No label permutations were run: the AUCs come without p values (setting:"
                " permutations)."
            )
        found.append(
            f"Held-out {results.units} come from the same laboratory and protocol. Nothing here"
            " says how the model does on another series."
        )
    elif not results.assessable:
        found.append(
            "No classifier was trained, since it could not be tested. Describing is all that this"
            " series allows."
        )
    if not results.single_cell:
        found.append("In bulk tissue a change in expression can be a change in cell composition.")
    if results.about_epilepsy:
        found.append("Immediate early genes also rise with handling and time of death.")
        found.append(
            "Expression changes in epilepsy agree only in part between laboratories and animal"
            " models: what is claimed here is claimed of this data set alone."
        )
    found.append(
        "Attributions and differential expression are associations; neither names a cause."
    )
    return found
