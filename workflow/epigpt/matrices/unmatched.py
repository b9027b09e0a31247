"""Say which columns belong to no sample and which samples have no column, with the table that
settles it."""

import glob
import re
from collections.abc import Sequence

from epigpt.errors import InputError
from epigpt.matrices.sample_matching import FLOOR, closest, like_barcodes
from epigpt.matrices.sample_names import SampleNames

MAP_HEADER = ("column", "sample")
_MOST_SHOWN = 24
_AROUND_BARCODE = re.compile(r"(.*?)[ACGTN]{6,}(?:[-_.][ACGTN]{6,})*(.*)")


class UnmatchedColumns(InputError):
    """Columns that could not be given to samples.

    Attributes
    ----------
    template
        The text of a table to fill in and to name in the cell `sample_map`.
    """

    def __init__(self, message: InputError, template: str) -> None:
        super().__init__(message.found, message.where, message.why, message.remedy)
        self.template = template

    def with_template_at(self, path: str) -> InputError:
        """Name the file that the template was written to."""
        return InputError(
            self.found,
            self.where,
            self.why,
            f"{self.remedy}\n    ({path} is such a table of all columns)",
        )


def unmatched_columns(
    file: str, columns: Sequence[str], samples: SampleNames, others: str = ""
) -> UnmatchedColumns:
    """Refuse a table too few of whose columns are samples.

    Parameters
    ----------
    file
        Its name.
    columns
        The names that could be samples.
    samples
        What the record calls them.
    others
        Further lines on other files.
    """
    names = list(dict.fromkeys(columns))
    found = closest(names, samples)
    matched = found.samples if found else {}
    rest = [name for name in names if name not in matched]
    owned = set(matched.values())
    free = [sample for sample in samples.ids if sample not in owned]
    if found:
        why = (
            f"by {found.rule} fewer than {FLOOR:.0%} would have a sample, so they are not to be"
            " trusted"
        )
        what = f"{len(matched)} of its {len(names)} columns like one of {len(samples.ids)} samples"
    else:
        why = "without a match no column has a label, and a guess would give it a wrong one"
        what = f"none of its {len(names)} columns like one of {len(samples.ids)} samples"
    if like_barcodes(names):
        why = "the cells' barcodes do not say which sample a cell is of"
    if samples.mapped:
        return _not_in_map(file, names, samples)
    table = template(_patterns(names) if like_barcodes(names) else names, matched, samples, free)
    remedy = (
        "write which column is which sample into a table (an empty cell leaves the column out;"
        " columns may be patterns such as *-1), and name its path in the cell `sample_map` of the"
        f" data set's row:\n{_indented(table)}"
    )
    return UnmatchedColumns(
        InputError(
            f"{file} names {what}\n    columns without a sample: {_shown(rest)}\n    samples"
            f" without a column: {samples.titled(_MOST_SHOWN // 2, free)}{others}",
            "the columns of the matrix against the record's samples",
            why,
            remedy,
        ),
        table,
    )


def template(
    columns: Sequence[str], matched: dict[str, str], samples: SampleNames, free: Sequence[str]
) -> str:
    """Write a table of columns and samples to fill in; samples without a column stand above it."""
    lines = ["# samples without a column:"] if free else []
    lines += [f"# {sample}\t{samples.title(sample)}".rstrip() for sample in free]
    lines += ["\t".join(MAP_HEADER), *(f"{name}\t{matched.get(name, '')}" for name in columns)]
    return "\n".join(lines) + "\n"


def _not_in_map(file: str, names: Sequence[str], samples: SampleNames) -> UnmatchedColumns:
    table = template(names, {}, samples, samples.ids)
    return UnmatchedColumns(
        InputError(
            f"{file}, none of whose columns stand in {samples.map_name}: {_shown(names)}",
            f"cell `sample_map`, the table {samples.map_name}",
            f"it names {_shown(list(samples.mapped))}",
            f"write the columns' names as the file has them:\n{_indented(table)}",
        ),
        table,
    )


def _indented(table: str) -> str:
    rows = [line for line in table.splitlines() if not line.startswith("#")]
    first_rows = rows[: _MOST_SHOWN + 1]
    more = [f"… {len(rows) - len(first_rows)} more"] if len(rows) > len(first_rows) else []
    return "\n".join(f"    {row}" for row in [*first_rows, *more])


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    return ", ".join(names[:_MOST_SHOWN]) + more


def _patterns(names: Sequence[str]) -> list[str]:
    """Return patterns by what differs around the barcodes, which may say which sample a cell is of;
    the names themselves where nothing does."""
    parts = [found.groups() for name in names if (found := _AROUND_BARCODE.fullmatch(name))]
    if len(parts) < len(names):
        return list(names)
    fronts, backs = ({part[side] for part in parts} for side in (0, 1))
    several = [len(side) > 1 for side in (fronts, backs)]
    patterns = dict.fromkeys(
        f"{glob.escape(front) if several[0] else ''}*{glob.escape(back) if several[1] else ''}"
        for front, back in parts
    )
    return list(patterns) if 1 < len(patterns) <= len(names) // 2 else list(names)
