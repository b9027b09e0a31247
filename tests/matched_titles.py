"""Columns and the titles that they are matched to."""

import pandas as pd

from epigpt.matrices.sample_matching import SampleNames, match


def record(titles, characteristics=None, **attributes) -> SampleNames:
    ids = [f"GSM{100 + number}" for number in range(len(titles))]
    return SampleNames.of_record(
        pd.DataFrame({"title": titles, **attributes}, index=ids),
        pd.DataFrame(characteristics or {}, index=ids),
    )


def titles_of(columns, titles, characteristics=None, **attributes):
    """Columns with the titles they were given to; None where they were not."""
    names = record(titles, characteristics, **attributes)
    found = match(columns, names)
    if found is None:
        return None
    return {column: names.title(sample) for column, sample in found.samples.items()}
