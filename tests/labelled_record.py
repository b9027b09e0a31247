"""A record with a treatment and donors, and its label as a row asks for it."""

from dataclasses import replace

import pandas as pd

from epigpt.config.dataset_row import Row
from epigpt.samples.labels import resolve

SAMPLES = [f"GSM{number}" for number in range(12)]


def table(**columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {name.replace("_", " "): values for name, values in columns.items()},
        index=SAMPLES,
        dtype=object,
    )


TREATMENT = ["saline"] * 6 + ["drug"] * 6
DONORS = [f"d{number // 2}" for number in range(12)]
RECORD = table(
    treatment=TREATMENT,
    Sex=["F", "F", "M", "M"] * 3,
    donor=DONORS,
    dose=[str(number) for number in range(12)],
    region=["CA1", "CA3", "DG"] * 4,
    sample=["x"] * 12,
)


TEXTS = pd.DataFrame(
    {
        "title": [f"{one}_{number}" for number, one in enumerate(TREATMENT)],
        "source_name": "brain",
        "description": "",
        "series": "GSE1 GSE2",
    },
    index=SAMPLES,
    dtype=object,
)


def row(**cells: str) -> Row:
    return replace(Row("mine", "GSE1"), **{"label": "treatment", **cells})


def labelled(characteristics: pd.DataFrame = RECORD, **cells: str):
    return resolve(row(**cells), characteristics, None, TEXTS)
