"""The contrast that sets and claims speak of: the first of differential_expression.tsv."""

from pathlib import Path

import pandas as pd


def read(contrasts: Path) -> tuple[str, pd.DataFrame]:
    """Return the name of the first contrast and its rows; an empty name and no rows where none was
    tested."""
    table = pd.read_csv(
        contrasts,
        sep="\t",
        dtype={"gene": str, "symbol": str, "contrast": str},
        keep_default_na=False,
        na_values=[""],
    )
    name = str(table["contrast"].iloc[0]) if len(table) else ""
    return name, table[table["contrast"] == name]
