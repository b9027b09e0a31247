"""Heat map of the most different genes."""

from typing import Any

import numpy as np
import pandas as pd

from epigpt.report import blocks
from epigpt.report.blocks import Section
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.figures import heatmap as figures
from epigpt.report.results import Results

_GENES = 40
_MOST_OBSERVATIONS = 300
_TITLE = "Most different genes"
_TOLD = (
    "See which genes rise and fall together, and whether samples of one class gather under one"
    " branch."
)


def section(results: Results, plates: FigureWriter) -> Section:
    """Make the section."""
    if results.expression is None:
        return Section("heatmap", _TITLE, _TOLD, missing="There is no expression.h5ad.")
    genes, how = _genes(results)
    if len(genes) < 2:
        return Section(
            "heatmap", _TITLE, _TOLD, missing="Fewer than two genes vary between the samples."
        )
    data = results.expression
    rows = (
        np.arange(len(data.obs))
        if len(data.obs) <= _MOST_OBSERVATIONS
        else np.linspace(0, len(data.obs) - 1, _MOST_OBSERVATIONS).astype(int)
    )
    values = data.columns(genes, rows)
    obs = data.obs.iloc[rows]
    names = data.symbols.loc[genes].tolist()
    titles = [results.name(name) for name in obs.index.astype(str)]
    frame = pd.DataFrame(values.T, index=names, columns=titles)
    annotation = _annotation(results, obs).set_axis(titles)
    classes = (
        results.classes
        if set(annotation["class"]) <= set(results.classes)
        else sorted(set(annotation["class"]))
    )
    drawn = plates.save(figures.top_genes(frame, annotation, classes, results.observation))
    if not drawn:
        return Section(
            "heatmap",
            _TITLE,
            _TOLD,
            missing="A tree needs at least two genes and three observations.",
        )
    content: list[Any] = [*drawn, blocks.Prose(how)]
    if len(rows) < len(data.obs):
        content.append(
            blocks.Prose(
                f"Shown: {len(rows)} of {len(data.obs):,} {results.observation}s, evenly picked."
            )
        )
    return Section("heatmap", _TITLE, _TOLD, content)


def _genes(results: Results) -> tuple[list[str], str]:
    assert results.expression is not None  # noqa: S101 (the caller checked)
    data, table = results.expression, results.contrasts
    table = table[table["gene"].isin(data.var.index) & table["p"].notna()]
    if len(table):
        ranked = table.assign(size=-table["log2_fold_change"].abs()).sort_values(
            ["p", "size", "gene"], kind="stable"
        )
        parts = [part["gene"].tolist() for _, part in ranked.groupby("contrast", sort=False)]
        # In turn from each contrast, so that no class fills the picture alone.
        mixed = [part[at] for at in range(max(map(len, parts))) for part in parts if at < len(part)]
        how = (
            "Genes with the smallest p of the differential expression. They were chosen because"
            " they differ: that the classes separate here is no evidence."
        )
        return list(dict.fromkeys(mixed))[:_GENES], how
    name = next(
        (
            name
            for name in ("dispersions_norm", "dispersion", "dispersions", "variances_norm")
            if name in data.var
        ),
        "",
    )
    if name:
        spread = pd.to_numeric(data.var[name], errors="coerce").fillna(-np.inf)
    else:
        spread = pd.Series(data.profiles().var(axis=0).to_numpy(), index=data.var.index)
    genes = spread.sort_values(ascending=False, kind="stable").index[:_GENES].tolist()
    return (
        genes,
        (
            "The most variable genes, chosen without the label, since there is no differential"
            " expression."
        ),
    )


def _annotation(results: Results, obs: pd.DataFrame) -> pd.DataFrame:
    """Choose the bars: the class, then up to three characteristics of two to eight values that are
    not the class in other words."""
    bars = {"class": obs["label"].astype(str).tolist() if "label" in obs else [""] * len(obs)}
    taken = {tuple(pd.factorize(np.array(bars["class"], dtype=object))[0])}
    for name in [
        *(["group"] if "group" in obs else []),
        *[name for name in results.characteristics if name in obs],
    ]:
        values = obs[name].astype(str)
        pattern = tuple(pd.factorize(values)[0])
        if (
            2 <= values.nunique() <= (8 if name != "group" else 6)
            and pattern not in taken
            and len(bars) < 4
        ):
            bars[name] = values.tolist()
            taken.add(pattern)
    return pd.DataFrame(bars).rename(columns={"group": results.unit})
