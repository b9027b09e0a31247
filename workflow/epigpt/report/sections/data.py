"""Data card: what the series is, what was downloaded, how it was read, what was left out or
refused."""

from typing import Any

import pandas as pd

from epigpt.dataset import cell_sample
from epigpt.report import blocks, wording
from epigpt.report.blocks import Section
from epigpt.report.results import Results


def section(results: Results) -> Section:
    """Make the data card."""
    series = results.reading.get("series") or {}
    content: list[Any] = [blocks.Facts(_facts(results, series))]
    if series.get("summary"):
        content.append(
            blocks.Collapsible(
                "Summary, as the series' authors wrote it",
                [blocks.Prose(wording.short(series["summary"], 3000))],
            )
        )
    content.append(_files(results))
    for key, caption, columns in (
        ("left_out", "Samples that were left out, and why", ["sample", "reason"]),
        ("refused", "Files that were not used, and why", ["file", "reason"]),
    ):
        rows = results.reading.get(key) or []
        if rows:
            frame = pd.DataFrame(
                [
                    [
                        str(row.get(column, "")) if isinstance(row, dict) else str(row)
                        for column in columns
                    ]
                    for row in rows
                ],
                columns=columns,
            )
            content.append(blocks.table(frame, key.replace("_", "-"), caption, folded=12))
        else:
            content.append(
                blocks.Prose(
                    "No sample was left out." if key == "left_out" else "No file was refused."
                )
            )
    notes = [str(note) for note in results.reading.get("notes") or []]
    content += [blocks.Prose(wording.short(note, 600)) for note in notes]
    files = wording.count(len(results.manifest), "file")
    told = f"What the figures below rest on: {files}, read as {_values(results)}."
    return Section(
        "data",
        "Data card",
        told,
        content,
        (
            ""
            if results.reading or len(results.manifest)
            else "There is neither reading.json nor a manifest."
        ),
    )


def _facts(results: Results, series: dict[str, Any]) -> list[tuple[str, str]]:
    reading = results.reading
    genes = (
        reading.get("genes")
        or (results.expression.uns.get("genes") if results.expression else {})
        or {}
    )
    label, group, values = (
        _part(reading, "label"),
        _part(reading, "group"),
        _part(reading, "values"),
    )
    shape = reading.get("shape")
    rows: list[tuple[str, Any]] = [
        (
            "Series",
            " · ".join(
                part
                for part in (_text(series.get("accession")), _text(series.get("title")))
                if part
            )
            or results.dataset,
        ),
        ("Simulated", "yes: made up, with a planted truth" if results.simulated else "no"),
        ("Type", series.get("type")),
        ("Organism", reading.get("organism") or series.get("organisms")),
        ("Assay", str(reading.get("assay") or "").replace("_", " ")),
        ("Platforms", series.get("platforms")),
        (
            "Citation",
            series.get("citation")
            or (f"PubMed {_text(series['pubmed'])}" if series.get("pubmed") else ""),
        ),
        ("Matrix", reading.get("matrix")),
        (
            "Shape as found",
            (
                f"{' × '.join(wording.number(part) for part in shape)},"
                f" {_text(reading.get('orientation'))}"
                if isinstance(shape, list)
                else _text(shape)
            ),
        ),
        (
            "Values",
            wording.figures(
                ": ".join(
                    part
                    for part in (
                        str(values.get("type") or "").replace("_", " "),
                        str(values.get("evidence") or ""),
                    )
                    if part
                )
            ),
        ),
        ("Genes", _genes(genes)),
        ("Label", _label(label)),
        ("Group", group.get("column") or group.get("rule")),
        ("Cells", _cells(results)),
    ]
    return [(term, wording.short(_text(value), 400)) for term, value in rows if _text(value)]


def _cells(results: Results) -> str:
    """Return which cells stand for their donors in the models; empty of bulk samples."""
    data = results.expression
    if data is None or cell_sample.COLUMN not in data.obs:
        return ""
    said = cell_sample.in_words(data.obs, data.uns)
    if data.uns.get(cell_sample.OBSERVED) == cell_sample.SUMS:
        return f"{said}, as contrasts and baselines do (key cells_per_donor)"
    return (
        f"{said}, drawn by the seed (key cells_per_donor); contrasts and baselines sum all cells of"
        " a sample"
    )


def _part(reading: dict[str, Any], key: str) -> dict[str, Any]:
    found = reading.get(key)
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return wording.listing([_text(item) for item in value], 12)
    if isinstance(value, dict):
        return "; ".join(f"{key} {_text(item)}" for key, item in value.items())
    return "" if value is None else str(value)


def _genes(genes: dict[str, Any]) -> str:
    if genes.get("how"):
        return wording.figures(_text(genes["how"]))
    return (
        f"{wording.number(genes['n_in'])} rows became {wording.number(genes.get('n_out'))} genes"
        if genes.get("n_in") is not None
        else ""
    )


def _label(label: dict[str, Any]) -> str:
    column = _text(label.get("column"))
    parts = [column]
    if label.get("case") or label.get("control"):
        parts.append(
            f"case '{_text(label.get('case')) or 'all others'}' against control"
            f" '{_text(label.get('control')) or 'all others'}'"
        )
    if label.get("rule") and _text(label["rule"]) != f"label = {column}":
        parts.append(_text(label["rule"]))
    return "; ".join(part for part in parts if part)


def _values(results: Results) -> str:
    return str(
        (results.reading.get("values") or {}).get("type") or "values of unknown kind"
    ).replace("_", " ")


def _files(results: Results) -> Any:
    if results.manifest.empty:
        return blocks.Prose("The manifest lists no file.")
    frame = pd.DataFrame(
        {
            "file": [name.rsplit("/", 1)[-1] for name in results.manifest["file"]],
            "size": [
                blocks.Cell(wording.size(amount), f"{amount:.0f}" if pd.notna(amount) else "")
                for amount in results.manifest["bytes"]
            ],
            "sha256, its start": [
                blocks.Cell(f"{text[:12]}…" if len(text) > 12 else text, text)
                for text in results.manifest["sha256"]
            ],
            "from": [
                blocks.Cell(wording.middle(text, 90), text) for text in results.manifest["url"]
            ],
            "fetched": [
                blocks.Cell(text.replace("T", " ").removesuffix("Z")[:16], text)
                for text in results.manifest["time"]
            ],
        }
    )
    note = (
        "Times in UTC. Saved as TSV, checksums and addresses are complete; so are the checksums"
        " under Methods."
    )
    return blocks.table(
        frame, "files", "Files, as listed in geo/manifest.tsv", folded=12, note=note
    )
