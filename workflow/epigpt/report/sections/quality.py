"""Quality: how deep, how rich and how alike the samples are."""

from typing import Any

import pandas as pd

from epigpt.report import blocks, wording
from epigpt.report.blocks import Section
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.figures import quality as figures
from epigpt.report.results import Results

_TITLE = "Quality"


def section(results: Results, plates: FigureWriter) -> Section:
    """Make the section."""
    table = results.quality
    if table.empty:
        return Section(
            "quality",
            _TITLE,
            "How deep and how alike the samples are.",
            missing="quality.tsv lists no observation.",
        )
    left_out = table[table["kept"] == "false"]
    noun = results.observation
    content: list[Any] = list(
        plates.save(figures.distributions(table, _labels(results), results.classes, noun))
    )
    note, plate = _correlation(results, plates)
    content += plate
    content += [blocks.Prose(text) for text in note]
    if len(left_out):
        shown = left_out[
            ["sample", "total_counts", "n_genes", "mitochondrial_percent", "reason"]
        ].head(500)
        content.append(
            blocks.table(
                shown.rename(columns={"sample": noun, **figures.NAMES}).dropna(axis=1, how="all"),
                "quality-left-out",
                f"{noun.capitalize()}s that the quality limits left out",
                folded=12,
            )
        )
    if len(table) <= 500:
        content.append(
            blocks.Collapsible(
                f"Figures per {noun}",
                [
                    blocks.table(
                        table.rename(columns={"sample": noun, **figures.NAMES}).dropna(
                            axis=1, how="all"
                        ),
                        "quality-table",
                        f"Quality per {noun}",
                        folded=40,
                    )
                ],
            )
        )
    kept = f"{wording.count(len(table) - len(left_out), noun)} of {len(table):,} kept"
    depth, rich = (
        wording.number(float(table[name].median())) for name in ("total_counts", "n_genes")
    )
    middle = f"median {depth} counts and {rich} genes"
    return Section(
        "quality",
        _TITLE,
        f"{kept}; {middle}: look for {noun}s that lie apart from the others, and for classes that"
        " differ in depth.",
        content,
    )


def _labels(results: Results) -> pd.Series:
    """Give the class of each row of quality.tsv: rows are samples, or cells that the expression
    file assigns to a sample."""
    of_sample = dict(zip(results.samples["sample"], results.samples["label"], strict=True))
    found = results.quality["sample"].map(of_sample)
    if found.isna().any() and results.expression is not None and "label" in results.expression.obs:
        found = found.fillna(
            results.quality["sample"].map(results.expression.obs["label"].astype(str).to_dict())
        )
    return found.fillna("")


def _correlation(results: Results, plates: FigureWriter) -> tuple[list[str], list[Any]]:
    if results.expression is None or len(results.samples) < 3:
        return ["Correlation between samples: needs the expression of at least three."], []
    profiles = results.expression.profiles()
    if not 3 <= len(profiles) <= 400:
        return [
            f"Correlation between samples is drawn for 3 to 400 of them; here are {len(profiles)}."
        ], []
    similar = figures.correlation(profiles)
    labels = dict(zip(results.samples["sample"], results.samples["label"], strict=True))
    apart = figures.outliers(similar)
    told = (
        f"Less like the others than usual: {wording.listing(apart)} (median correlation more than 5"
        " median absolute deviations below the typical one)."
        if apart
        else "No sample is much less like the others than they are among themselves."
    )
    return [told], list(plates.save(figures.correlation_map(similar, labels, results.classes)))
