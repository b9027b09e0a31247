"""The samples by title, on the first page."""

from epigpt.report import blocks, wording
from epigpt.report.blocks import Cell, Section
from epigpt.report.results import Results

_TITLE = "Samples"
_MOST_COLUMNS = 4
_MOST_LEVELS = 12
_MOST_ROWS = 2000


def section(results: Results) -> Section:
    """Make the section."""
    samples = results.samples
    if samples.empty:
        return Section("samples", _TITLE, "Who was compared.", missing="there is no sample.")
    per_class = [
        f"{int((samples['label'] == name).sum())} {wording.short(name, 40)}"
        for name in results.classes
    ]
    unit = results.unit
    of_units = (
        f", of {wording.count(samples['group'].nunique(), unit, wording.plural(unit))}"
        if unit != "sample"
        else ""
    )
    told = f"{wording.listing(per_class, 8)}{of_units}."
    return Section("samples", _TITLE, told, [_table(results)])


def _table(results: Results) -> blocks.Table:
    samples = results.samples
    # Label and group repeat the characteristics they come from.
    taken = {tuple(samples[name]) for name in ("group", "label")}
    source = results.sources
    varying = [
        name
        for name in results.characteristics
        if samples[name].nunique() > 1 and tuple(samples[name]) not in taken
    ]
    chosen = sorted(
        varying, key=lambda name: (samples[name].nunique() > _MOST_LEVELS, varying.index(name))
    )[:_MOST_COLUMNS]
    left = len(varying) - len(chosen)
    note = (
        f"{wording.count(left, 'more characteristic')} and all texts in full: samples.tsv."
        if left
        else ""
    )
    columns = ["label", *(["group"] if results.unit != "sample" else [])]
    columns += sorted(chosen, key=varying.index)
    frame = samples[columns].head(_MOST_ROWS)
    # Where a characteristic has a readable name, it says what the class or the donor is.
    heads = {"label": source.get("label", "class"), "group": source.get("group", results.unit)}
    frame = frame.rename(
        columns={name: wording.short(heads.get(name, name), 40) for name in columns}
    )
    shown = samples.head(_MOST_ROWS)
    names = [
        Cell(wording.short(title, 80), title, detail=sample if title != sample else "")
        for sample, title in (
            (sample, title or sample)
            for sample, title in zip(shown["sample"], shown["title"], strict=True)
        )
    ]
    frame.insert(0, "sample", names, allow_duplicates=True)
    return blocks.table(
        frame,
        "sample-table",
        "Samples and what differs between them",
        most=80,
        note=note,
        folded=12,
        search=True,
    )
