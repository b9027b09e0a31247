"""Put a data set's sections together into one self-contained file."""

from dataclasses import replace
from pathlib import Path

from epigpt import files
from epigpt.report import exports
from epigpt.report.blocks import Section
from epigpt.report.figure_writer import FigureWriter
from epigpt.report.frame import assets, environment
from epigpt.report.results import Results
from epigpt.report.sections import (
    attribution,
    contrasts,
    data,
    design,
    embedding,
    genes,
    heatmap,
    markers,
    methods,
    models,
    pathways,
    quality,
    reporting,
    samples,
    training,
    transfer,
    verdict,
)


def write(results_folder: Path, page: Path, figures: Path, taken_along: Path | None = None) -> None:
    """Write the report of one data set.

    Parameters
    ----------
    results_folder
        The data set's folder under results/.
    page
        The file to write.
    figures
        The folder to write: every figure as SVG, PDF, PNG and the table of its numbers.
    taken_along
        The folder to write: the normalised matrix, notebook and script of the figures.
    """
    results = Results(results_folder)
    with files.path(figures) as folder:
        folder.mkdir()
        text = render(results, FigureWriter(folder, unit=results.unit))
    if taken_along is not None:
        with files.path(taken_along) as folder:
            folder.mkdir()
            exports.write(results, folder)
    files.write_text(page, text)


def render(results: Results, plates: FigureWriter) -> str:
    """Give the page's text; its figures are saved on the way."""
    sections = list(_sections(results, plates))
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            dataset=results.dataset,
            title=str((results.reading.get("series") or {}).get("title") or ""),
            sentence=verdict.sentence(results),
            verdict=str(results.verdict.get("verdict") or ""),
            verdict_name=str(results.verdict.get("badge") or results.verdict.get("verdict") or ""),
            tone=str(results.verdict.get("tone") or "neutral"),
            because=verdict.because(results),
            simulated=results.simulated,
            key_figures=verdict.key_figures(results),
            sections=sections,
            machine=methods.machine(results),
            version=(
                (results.provenance.get("epigpt") or {}).get("version", "")
                if isinstance(results.provenance.get("epigpt"), dict)
                else ""
            ),
            **assets("report.css", "report.js"),
        )
    )


def _sections(results: Results, plates: FigureWriter) -> list[Section]:
    """Make the first page, then the appendix, whose sections stand behind their headings."""
    front = [
        verdict.section(results),
        samples.section(results),
        embedding.section(results, plates),
        genes.section(results, plates),
        pathways.section(results, plates),
    ]
    appendix = [
        data.section(results),
        design.section(results),
        quality.section(results, plates),
        heatmap.section(results, plates),
        contrasts.section(results, plates),
        markers.section(results, plates),
        models.section(results, plates),
        attribution.section(results, plates),
        *reporting.without_locus(results),
        *transfer.sections(results),
        training.section(results, plates),
        methods.section(results),
        reporting.section(results),
        methods.limits(results),
    ]
    return [*front, *(replace(section, folded=True) for section in appendix)]
