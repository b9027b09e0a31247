"""Quality: how deep, how rich and how alike the samples are."""

from typing import Any

import numpy as np
import pandas as pd

from epigpt.report import blocks, wording
from epigpt.report.blocks import Cell, Section
from epigpt.report.figure_writer import Drawing, FigureWriter
from epigpt.report.figures import covariates, samples
from epigpt.report.figures import quality as figures
from epigpt.report.results import Results

_TITLE = "Quality"
_MOST_ROWS = 500


def section(results: Results, plates: FigureWriter) -> Section:
    """Make the section."""
    table = results.quality
    if table.empty:
        return Section(
            "quality",
            _TITLE,
            "How deep and how alike the samples are.",
            missing="no sample was measured.",
        )
    left_out = table[table["kept"] == "false"]
    noun = results.observation
    content: list[Any] = list(
        plates.save(figures.distributions(table, _labels(results), results.classes, noun))
    )
    content += plates.save(_abundance(results))
    note, plate, typical = _correlation(results, plates)
    content += plate
    content += [blocks.Prose(text) for text in note]
    content += plates.save(_components(results))
    if len(table) <= _MOST_ROWS:
        content.append(_sizes(results, typical))
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
    """Return the class of each row of quality.tsv: rows are samples, or cells that the expression
    file assigns to a sample."""
    of_sample = dict(zip(results.samples["sample"], results.samples["label"], strict=True))
    found = results.quality["sample"].map(of_sample)
    if found.isna().any() and results.expression is not None and "label" in results.expression.obs:
        found = found.fillna(
            results.quality["sample"].map(results.expression.obs["label"].astype(str).to_dict())
        )
    return found.fillna("")


def _abundance(results: Results) -> Drawing | None:
    data = results.expression
    if data is None:
        return None
    profiles = data.profiles()
    labels = dict(zip(results.samples["sample"], results.samples["label"], strict=True))
    own = [labels.get(str(name), "") for name in profiles.index]
    names = [results.name(str(name)) for name in profiles.index]
    return samples.abundance(profiles, names, own, results.classes)


def _components(results: Results) -> Drawing | None:
    """Draw which characteristics go with which principal components, samples as units."""
    data = results.expression
    if data is None or "pca" not in data.obsm or results.samples.empty:
        return None
    owner = data.obs["sample"] if "sample" in data.obs else data.obs.index.to_series()
    points = pd.DataFrame(data.obsm["pca"]).groupby(owner.astype(str).to_numpy()).mean()
    about = results.samples.drop_duplicates("sample").set_index("sample").reindex(points.index)
    # The characteristics that label and group come from would only repeat them.
    others = [
        name
        for name in results.characteristics
        if not about[name].equals(about["label"]) and not about[name].equals(about["group"])
    ]
    described = about[["label", *others]].rename(columns={"label": "class"})
    if results.unit != "sample":
        described.insert(1, results.unit, about["group"], allow_duplicates=True)
    described = described.loc[:, ~described.columns.duplicated()]
    measured = results.quality.drop_duplicates("sample").set_index("sample")
    for column, title in figures.NAMES.items():
        described[title] = measured[column].reindex(points.index)
    ratio = (data.uns.get("pca") or {}).get("variance_ratio")
    return covariates.against_components(described, points.to_numpy(), ratio)


def _sizes(results: Results, typical: pd.Series) -> blocks.Table:
    """List size and oddities of each sample or cell, by title."""
    table = results.quality
    names = [
        Cell(wording.short(title, 80), title, detail=sample if title != sample else "")
        for sample, title in ((sample, results.name(sample)) for sample in table["sample"])
    ]
    frame = pd.DataFrame({results.observation: pd.Series(names, index=table.index, dtype=object)})
    frame["class"] = _labels(results)
    for column, title in figures.NAMES.items():
        frame[title] = table[column]
    if len(typical):
        frame["correlation with the others"] = table["sample"].map(typical)
    frame["remark"] = table["reason"]
    return blocks.table(
        frame.dropna(axis=1, how="all"), "quality-table", "Size and oddities", folded=20
    )


def _correlation(results: Results, plates: FigureWriter) -> tuple[list[str], list[Any], pd.Series]:
    """Return what is to be said of the correlation between samples, its figure, and each sample's
    median correlation with the others."""
    none = pd.Series(dtype=float)
    if results.expression is None or len(results.samples) < 3:
        return ["Correlation between samples: needs the expression of at least three."], [], none
    profiles = results.expression.profiles()
    if not 3 <= len(profiles) <= 400:
        told = f"Correlation between samples is drawn for 3 to 400; here are {len(profiles)}."
        return [told], [], none
    similar = figures.correlation(profiles)
    labels = dict(zip(results.samples["sample"], results.samples["label"], strict=True))
    apart = [results.name(name) for name in figures.outliers(similar)]
    told = (
        f"Less like the others than usual: {wording.listing(apart)} (median correlation more than 5"
        " median absolute deviations below the typical one)."
        if apart
        else "No sample is much less like the others than they are among themselves."
    )
    typical = similar.where(~np.eye(len(similar), dtype=bool)).median()
    titles = {str(name): results.name(str(name)) for name in similar.index}
    drawn = figures.correlation_map(
        similar.rename(index=titles, columns=titles),
        {titles.get(str(name), str(name)): str(label) for name, label in labels.items()},
        results.classes,
    )
    return [told], list(plates.save(drawn)), typical
