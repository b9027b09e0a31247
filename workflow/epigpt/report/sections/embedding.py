"""PCA, UMAP and t-SNE, coloured by any characteristic."""

from typing import Any

import numpy as np
import pandas as pd

from epigpt.report import blocks, style, tsne, wording
from epigpt.report.blocks import Section
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.figures import embedding as figures
from epigpt.report.figures import quality as quality_figures
from epigpt.report.matrix import Expression
from epigpt.report.results import Results

_MOST_POINTS = 20_000
_MOST_LEVELS = 40
_TSNE_FROM, _TSNE_UP_TO = 12, 600
_ALWAYS_OFFERED = ("label", "group", "sample")
# The same once more, under the names that other programs look for.
_REPEATED = {"n_genes_by_counts", "pct_counts_mt", "donor_id", "sex_ontology_term_id"}


def section(results: Results, plates: FigureWriter) -> Section:
    """Make the section."""
    title = "Samples in two dimensions" if not results.single_cell else "Cells in two dimensions"
    told = "Do the classes lie apart, or does another colour explain it better?"
    data = results.expression
    if data is None or not data.obsm:
        return Section("embedding", title, told, missing="expression.h5ad holds no embedding.")
    chosen = _chosen(data)
    points = _points(data, chosen)
    coordinates = {name: points[name] for name in figures.NAMES if name in points}
    names = {name: _axes(data, name) for name in coordinates}
    ids = [_named(results, name) for name in data.obs.index[chosen].astype(str)]
    labels = (
        data.obs["label"].astype(str).to_numpy()[chosen].tolist()
        if "label" in data.obs
        else [""] * len(chosen)
    )
    classes = [name for name in results.classes if name in set(labels)] or sorted(set(labels))
    fallback = plates.save(figures.panels(coordinates, names, ids, labels, classes))
    if not fallback:
        return Section(
            "embedding",
            title,
            told,
            missing="expression.h5ad holds no embedding of two dimensions.",
        )
    colours = _characteristics(results, data.obs.iloc[chosen], classes)
    content = {
        "noun": results.observation,
        "ids": ids,
        "views": [
            {
                "name": figures.NAMES.get(name, name),
                "x": _thin(points[:, 0]),
                "y": _thin(points[:, 1]),
                "axes": names[name],
            }
            for name, points in coordinates.items()
        ],
        "colours": colours,
        "palette": list(style.PALETTE),
    }
    caption = "Only PCA's axes can be read as amounts; UMAP and t-SNE keep neighbours together."
    content_blocks: list[Any] = [
        blocks.Scatter(
            "embedding-plot",
            f"{results.observation.capitalize()}s in two dimensions",
            content,
            fallback[0],
            caption,
        )
    ]
    if len(chosen) < len(data.obs):
        content_blocks.append(
            blocks.Prose(
                f"Shown: {len(chosen):,} of {len(data.obs):,} {results.observation}s, evenly"
                " picked."
            )
        )
    return Section("embedding", title, told, content_blocks)


def _named(results: Results, name: str) -> str:
    title = results.name(name)
    return name if title == name else f"{wording.short(title, 60)} ({name})"


def _points(data: Expression, chosen: np.ndarray) -> dict[str, np.ndarray]:
    found = {
        name: data.obsm[name][chosen]
        for name in figures.NAMES
        if name in data.obsm and data.obsm[name].shape[1] > 1
    }
    if "tsne" not in found and "pca" in found and _TSNE_FROM <= len(chosen) <= _TSNE_UP_TO:
        found["tsne"] = tsne.embed(found["pca"])
    return {name: values[:, :2] for name, values in found.items()}


def _chosen(data: Expression) -> np.ndarray:
    """Return the positions of what is shown: of very many cells, those that UMAP laid out."""
    placed = np.ones(len(data.obs), dtype=bool)
    for name in figures.NAMES:
        if name in data.obsm:
            placed &= np.isfinite(data.obsm[name]).all(axis=1)
    positions = np.flatnonzero(placed)
    if len(positions) <= _MOST_POINTS:
        return positions
    return positions[np.linspace(0, len(positions) - 1, _MOST_POINTS).astype(int)]


def _axes(data: Expression, name: str) -> tuple[str, str]:
    ratio = (
        (data.uns.get("pca") or {}).get("variance_ratio")
        if isinstance(data.uns.get("pca"), dict)
        else None
    )
    if name == "pca" and isinstance(ratio, list) and len(ratio) > 1:
        return f"PC1 ({100 * ratio[0]:.0f} %)", f"PC2 ({100 * ratio[1]:.0f} %)"
    short = {"pca": "PC", "umap": "UMAP ", "tsne": "t-SNE "}.get(name, name)
    return f"{short}1", f"{short}2"


def _thin(values: np.ndarray) -> list[float]:
    """Round to what a screen can show."""
    return [float(f"{value:.4g}") for value in values]


def _characteristics(
    results: Results, obs: pd.DataFrame, classes: list[str]
) -> list[dict[str, Any]]:
    """List what the points can be coloured by: the class first, then what varies, with few values
    or numbers."""
    quality = results.quality.drop_duplicates("sample").set_index("sample")
    extra = {
        name: obs.index.map(quality[name])
        for name in sorted(quality_figures.NAMES)
        if name in quality and name not in obs
    }
    frame = pd.concat([obs, pd.DataFrame(extra, index=obs.index)], axis=1)
    # Label and group repeat the characteristics they come from.
    source = results.sources
    shown = {"label": source.get("label", "class"), "group": source.get("group", results.unit)}
    shown |= quality_figures.NAMES
    found = []
    for name in [
        *[name for name in _ALWAYS_OFFERED if name in frame],
        *[name for name in frame if name not in (*_ALWAYS_OFFERED, *_REPEATED, *source.values())],
    ]:
        values = frame[name]
        levels = classes if name == "label" else sorted(set(values.astype(str)))
        numbers = pd.to_numeric(values, errors="coerce")
        if name != "label" and len(levels) > 8 and numbers.notna().mean() > 0.7:
            found.append(
                {
                    "name": wording.short(shown.get(name, name), 60),
                    "numbers": [
                        None if pd.isna(value) else float(f"{value:.4g}") for value in numbers
                    ],
                }
            )
        elif (1 < len(levels) <= _MOST_LEVELS) or name == "label":
            code = {level: at for at, level in enumerate(levels)}
            found.append(
                {
                    "name": wording.short(shown.get(name, name), 60),
                    "levels": [wording.short(level or "not given", 60) for level in levels],
                    "codes": [code.get(str(value), -1) for value in values],
                }
            )
    return found
