"""The reporting sheet, and what the models score without the place that deciding genes crowd."""

from epigpt.report import blocks, wording
from epigpt.report.blocks import Section
from epigpt.report.results import Results, read_table


def section(results: Results) -> Section:
    """Make the section of the reporting sheet."""
    told = (
        "See the items of REFORMS and TRIPOD+AI that can be answered from this data set's files:"
        " what was found, and where."
    )
    sheet = read_table(results.folder, "reporting")
    if sheet.empty:
        return Section("reporting", "Reporting sheet", told, missing="There is no reporting.tsv.")
    caption = "Reporting sheet, as in reporting.tsv"
    shown = blocks.table(sheet, "reporting-sheet", caption, most=400)
    return Section("reporting", "Reporting sheet", told, [shown])


def without_locus(results: Results) -> list[Section]:
    """Make the section of the scores without the crowded place, or none where there is none."""
    scores = read_table(results.folder, "locus")
    if scores.empty:
        return []
    place = results.verdict.get("locus") or {}
    named = wording.listing([str(symbol) for symbol in place.get("symbols") or []], 12)
    told = (
        "See what is left when the place of the genome that the deciding genes crowd"
        f" ({named}) is taken from every model."
    )
    table = scores.assign(
        model=[wording.MODEL_NAMES.get(name, name) for name in scores["model"]]
    ).rename(columns=lambda name: name.replace("_", " "))
    caption = "AUC with and without that place, on the first draw of the folds"
    return [
        Section(
            "locus",
            "Without the crowded place",
            told,
            [blocks.table(table, "locus-scores", caption)],
        )
    ]
