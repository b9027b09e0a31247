"""Put a data set's sections together into one self-contained file."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from epigpt import files
from epigpt.report import exports, shared_work
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

_Part = partial[Section] | partial[list[Section]]
_LONGEST = (models.section, exports.write)


def write(
    results_folder: Path,
    page: Path,
    figures: Path,
    taken_along: Path | None = None,
    processes: int = 1,
) -> None:
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
    processes
        How many draw at once; the files are the same.
    """
    results = Results(results_folder)
    with ExitStack() as whole:
        folder = whole.enter_context(files.path(figures))
        folder.mkdir()
        beside = []
        if taken_along is not None:
            exported = whole.enter_context(files.path(taken_along))
            exported.mkdir()
            beside.append(partial(exports.write, results, exported))
        plates = FigureWriter(folder, unit=results.unit)
        text = render(results, plates, beside, processes)
    files.write_text(page, text)


def render(
    results: Results,
    plates: FigureWriter,
    beside: Sequence[partial[None]] = (),
    processes: int = 1,
) -> str:
    """Return the page's text; its figures are saved on the way, and what is to be done `beside` is
    done."""
    sections = _sections(results, plates, beside, processes)
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


def _sections(
    results: Results,
    plates: FigureWriter,
    beside: Sequence[partial[None]],
    processes: int,
) -> list[Section]:
    """Make the first page, then the appendix, whose sections stand behind their headings."""
    front: list[_Part] = [
        partial(verdict.section, results),
        partial(samples.section, results),
        partial(embedding.section, results, plates),
        partial(genes.section, results, plates),
        partial(pathways.section, results, plates),
    ]
    appendix: list[_Part] = [
        partial(data.section, results),
        partial(design.section, results),
        partial(quality.section, results, plates),
        partial(heatmap.section, results, plates),
        partial(contrasts.section, results, plates),
        partial(markers.section, results, plates),
        partial(models.section, results, plates),
        partial(attribution.section, results, plates),
        partial(reporting.without_locus, results),
        partial(transfer.sections, results),
        partial(training.section, results, plates),
        partial(methods.section, results),
        partial(reporting.section, results),
        partial(methods.limits, results),
    ]
    parts = [*front, *appendix, *beside]
    # Shared, what takes longest has to begin first.
    order = sorted(range(len(parts)), key=lambda at: parts[at].func not in _LONGEST)
    made = dict(zip(order, shared_work.each([parts[at] for at in order], processes), strict=True))
    found: list[Section] = []
    for at in range(len(front) + len(appendix)):
        sections = [made[at]] if isinstance(made[at], Section) else made[at]
        found += [replace(section, folded=at >= len(front)) for section in sections]
    return found
