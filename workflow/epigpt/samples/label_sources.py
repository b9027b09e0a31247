"""Where labels, groups and filters take their values from: characteristics, other texts of the
record, names of matrix columns."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from epigpt.config.dataset_row import Filter, Row
from epigpt.errors import InputError, nearest_name
from epigpt.geo.record import normal_form

# Texts by which submitters say that there is no value. As case or control such a text can still be
# named: NA is a brain region, too.
_MISSING = {
    "",
    "na",
    "n/a",
    "nan",
    "null",
    "-",
    "--",
    "not available",
    "not applicable",
    "not collected",
    "missing",
}
_NOT_TO_NAME = ("supplementary", "data_rows")
# The last one is the name that AnnData keeps for the index.
_RESERVED = ("sample", "label", "group", "title", "_index")


def is_missing(text: str) -> bool:
    """Return whether a text says that there is no value."""
    return text.strip().casefold() in _MISSING


def output_name(characteristic: str) -> str:
    """Name a characteristic's column in samples.tsv and counts.h5ad.

    `sample`, `label`, `group` and `title` are columns of their own there, and in the HDF5 file a
    `/` would make a group of the column's name ("genotype/variation" is a common key of GEO's), as
    `.` would mean the folder itself.
    """
    plain = characteristic.replace("/", "_").strip(".") or "unnamed"
    return f"characteristic_{plain}" if plain.casefold() in _RESERVED else plain


def output_names(characteristics: Iterable[str]) -> dict[str, str]:
    """Name the columns of several characteristics; names that become the same are numbered."""
    named: dict[str, str] = {}
    for characteristic in characteristics:
        name = output_name(characteristic)
        taken = {given.casefold() for given in named.values()}
        numbered = (name if number == 1 else f"{name} {number}" for number in itertools.count(1))
        named[characteristic] = next(free for free in numbered if free.casefold() not in taken)
    return named


def one_spelling(characteristics: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Write values that differ in spaces, kinds of dashes or the case of words ("Male", "male") in
    their most frequent way.

    Short values, short words in capitals and unusual mixtures of case stay apart, because AaBb,
    AABB and aabb are different genotypes.
    """
    unified = characteristics.copy()
    notes = []
    for name in characteristics:
        frequency = Counter(characteristics[name])
        variants: dict[str, list[str]] = {}
        for value in sorted(frequency):
            variants.setdefault(_spelling(value), []).append(value)
        for values in variants.values():
            if len(values) > 1:
                best = min(values, key=lambda value: (-frequency[value], value))
                unified[name] = unified[name].replace(dict.fromkeys(values, best))
                notes.append(
                    f"'{name}': {', '.join(repr(value) for value in values)} are taken for the same"
                    f" value, '{best}'."
                )
    return unified, notes


def _spelling(value: str) -> str:
    words = re.findall(r"[^\W\d_]+", value)
    ordinary = all(
        word in (word.lower(), word.capitalize()) or (word.isupper() and len(word) > 4)
        for word in words
    )
    folded = (
        value.casefold() if ordinary and sum(letter.isalpha() for letter in value) >= 3 else value
    )
    return re.sub(r"\s+", "", re.sub("[\u2010-\u2015\u2212]", "-", folded))


class Sources:
    """All texts of the samples that a cell of the data set table can name.

    Parameters
    ----------
    characteristics, attributes
        Index: sample ids; text columns. A characteristic wins over an attribute of the same name.
    columns
        Sample → name of its column in the matrix, for `column~(…)`.
    row
        Row of the data set table, for messages.
    """

    def __init__(
        self,
        characteristics: pd.DataFrame,
        attributes: pd.DataFrame,
        columns: Mapping[str, str] | None,
        row: Row,
    ) -> None:
        self.characteristics = characteristics
        self._row = row
        extra = {name: attributes[name] for name in attributes if name not in _NOT_TO_NAME}
        self.column = (
            pd.Series(dict(columns or {}), dtype=object).reindex(characteristics.index).fillna("")
        )
        if columns is not None:
            extra["column"] = self.column
        self._texts: dict[str, pd.Series] = {
            **extra,
            **{str(name): characteristics[name] for name in characteristics},
        }

    def find(self, text: str, cell: str) -> tuple[str, pd.Series]:
        """Find the values that a cell names.

        Parameters
        ----------
        text
            A name, or NAME~REGEX: the first group of the regular expression is the value, "" where
            it does not match.
        cell
            The cell's name, for messages.

        Returns
        -------
        The name as the record writes it (with the expression, if there is one), and the texts by
        sample.
        """
        if name := self._known(text):
            return name, self._texts[name]
        given, tilde, expression = text.partition("~")
        if not tilde:
            raise self._unknown(text, cell)
        name = self._known(given.strip())
        if name is None:
            raise self._unknown(given.strip(), cell)
        try:
            pattern = re.compile(expression)
        except re.error as error:
            raise self._bad_expression(
                text, cell, f"it is not a regular expression ({error})"
            ) from None
        if not pattern.groups:
            raise self._bad_expression(
                text,
                cell,
                "the regular expression has no group, so nothing says which part of the text is the"
                " value",
            )
        values = [
            (match[1] or "").strip() if (match := pattern.search(value)) else ""
            for value in self._texts[name]
        ]
        return f"{name}~{expression}", pd.Series(
            values, index=self._texts[name].index, dtype=object
        )

    def select(self, condition: Filter) -> tuple[str, pd.Series]:
        """Return which samples meet a condition of `include`: the name it is about, and a truth
        value per sample."""
        if (
            condition.name == "sample"
        ):  # always the id; a characteristic of this name is characteristic_sample
            name, texts = (
                "sample",
                pd.Series(
                    list(self.characteristics.index), index=self.characteristics.index, dtype=object
                ),
            )
        else:
            name, texts = self.find(condition.name, "include")
        # A sample belongs to a SuperSeries and to a part of it: its cell lists both.
        values = texts.map(lambda cell: {cell, *cell.split()} if name == "series" else {cell})
        present = sorted(set().union(*values) - {""})
        for value in condition.values:
            if value not in present:
                raise self.unknown_value(
                    "include", f"{condition.name}={value}", name, value, present
                )
        return name, values.map(
            lambda cell: not cell.isdisjoint(condition.values)
        ) == condition.keep

    def unknown_value(
        self, cell: str, shown: str, name: str, value: str, present: Sequence[str]
    ) -> InputError:
        """Refuse a value that no sample has."""
        near = nearest_name(value, present)
        listed = ", ".join(f"'{text}'" for text in present[:20]) + (
            f" and {len(present) - 20} more" if len(present) > 20 else ""
        )
        return InputError(
            f"{cell} = '{shown}'",
            f"data set '{self._row.dataset}', column '{cell}'",
            f"'{name}' has no value '{value}'; it has {listed or 'none'}",
            (
                f"did you mean '{near}'?"
                if near
                else f"write one of these values, such as '{present[0]}'; several are joined by |"
                if present
                else "name another characteristic"
            ),
        )

    def _known(self, text: str) -> str | None:
        """Find a name: exact, else the only one that differs in case, spaces, underscores or
        hyphens."""
        for wanted in (text, text.removeprefix("characteristic_")):
            if wanted in self._texts:
                return wanted
        close = [name for name in self._texts if normal_form(name) == normal_form(text)]
        named = [name for name in close if name in self.characteristics] or close
        return named[0] if len(named) == 1 else None

    def _unknown(self, text: str, cell: str) -> InputError:
        characteristics = [str(name) for name in self.characteristics]
        others = [name for name in self._texts if name not in self.characteristics]
        near = nearest_name(text, [*characteristics, *others])
        further = f"; a name or NAME~REGEX may also use {', '.join(others)}" if others else ""
        return InputError(
            f"{cell} = '{text}'",
            f"data set '{self._row.dataset}', column '{cell}'",
            "no characteristic has this name; there are"
            f" {', '.join(repr(name) for name in characteristics) or 'none'}{further}",
            (f"did you mean '{near}'? " if near else "")
            + f"`epigpt describe {self._row.source}` shows the values of each",
        )

    def _bad_expression(self, text: str, cell: str, why: str) -> InputError:
        where = f"data set '{self._row.dataset}', column '{cell}'"
        return InputError(
            f"{cell} = '{text}'", where, why, f"write it like {text.partition('~')[0]}~(KO|WT)"
        )
