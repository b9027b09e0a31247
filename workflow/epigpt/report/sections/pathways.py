"""Gene sets in the ranking of all genes: processes of the Gene Ontology, and the user's own."""

from typing import Any

import pandas as pd

from epigpt.report import blocks, wording
from epigpt.report.blocks import Section
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.figures import enrichment
from epigpt.report.results import Results

_TITLE = "Pathways"
_TOLD = "Which processes gather at one end of the ranking of all genes."
_MOST_ROWS = 400
_NAMES = {
    "n_genes": "genes",
    "score": "enrichment",
    "padj": "FDR",
    "leading_genes": "leading genes",
}


def section(results: Results, plates: FigureWriter) -> Section:
    """Make the section."""
    frame = enrichment.ordered(results.enrichment)
    frame = frame.assign(source=frame["source"].replace("", "own"))
    if frame["score"].notna().sum() == 0:
        return Section("pathways", _TITLE, _TOLD, missing=_reason(results, frame))
    contrasts = results.contrasts["contrast"].drop_duplicates().tolist()
    case = contrasts[0].split(" vs ")[0] if contrasts else "the case"
    own, known = frame[frame["source"] == "own"], frame[frame["source"] != "own"]
    content: list[Any] = []
    if len(known):
        content += plates.save(enrichment.bars(known, case, "pathways"))
        content.append(_table(known, "pathways-table", "Processes of the Gene Ontology"))
    if len(own):
        content.append(blocks.Heading("Gene sets of your own", _found(own)))
        content += plates.save(enrichment.bars(own, case))
        content.append(_table(own, "gene-sets", "Your gene sets in the ranking of all genes"))
    several = (
        f" Of {len(contrasts)} contrasts, the first was ranked: {contrasts[0]}."
        if len(contrasts) > 1
        else ""
    )
    content.append(
        blocks.Prose(
            "Genes are ranked by fold change over its standard error; a positive score means that a"
            f" set's genes gather among those higher in {wording.short(case)}. Leading genes carry"
            f" the score. Chance is that of random genes, not of other {results.units}, which makes"
            f" p too small where a set's genes go together.{several}"
        )
    )
    told = _found(known if len(known) else own)
    best = known[known["padj"] < enrichment.THRESHOLD]
    if len(best):
        ends = [
            f"{words} {wording.listing([wording.short(name, 60) for name in part['set'].head(2)])}"
            for words, part in (
                ("raised:", best[best["score"] > 0]),
                ("lowered:", best[best["score"] < 0]),
            )
            if len(part)
        ]
        told = f"{told[:-1]}; {'; '.join(ends)}."
    return Section("pathways", _TITLE, told, content)


def _found(frame: pd.DataFrame) -> str:
    found = int(frame["padj"].lt(enrichment.THRESHOLD).sum())
    return f"{wording.count(found, 'set')} of {len(frame):,} at a false discovery rate of 5 %."


def _reason(results: Results, frame: pd.DataFrame) -> str:
    if len(frame):
        return "of no set were enough genes tested."
    settings = results.provenance.get("settings") or {}
    if not settings.get("gene_sets") and settings.get("pathways") == "none":
        return (
            "the Gene Ontology was switched off (key pathways), and no gene sets of your own were"
            " named (key gene_sets, a list of GMT files)."
        )
    return "there is no contrast that ranks the genes, or no table of orthologs for this species."


def _table(frame: pd.DataFrame, name: str, caption: str) -> blocks.Table:
    shown = frame.head(_MOST_ROWS)[["set", "n_genes", "score", "p", "padj", "leading_genes"]]
    note = (
        f"The first {len(shown):,} of {len(frame):,}; all are in gene_set_enrichment.tsv."
        if len(shown) < len(frame)
        else ""
    )
    return blocks.table(
        shown.rename(columns=_NAMES), name, caption, most=90, note=note, folded=8, search=True
    )
