"""The expression file as a page shows it: its texts without what would break a page."""

from pathlib import Path

import numpy as np
import pandas as pd

from epigpt.dataset.expression_file import ExpressionFile, Floats
from epigpt.report import wording

__all__ = ["Expression", "Floats"]


class Expression(ExpressionFile):
    """An expression.h5ad file whose texts hold no control characters and direction marks."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.obs, self.var = _clean(self.obs), _clean(self.var)
        self.uns = wording.clean(self.uns)


def _clean(table: pd.DataFrame) -> pd.DataFrame:
    index = pd.Index([wording.clean(text) for text in table.index])
    columns = {wording.clean(str(name)): _clean_column(table[name]) for name in table}
    return pd.DataFrame(columns, index=index)


def _clean_column(column: pd.Series) -> np.ndarray:
    values: np.ndarray = column.to_numpy()
    if values.dtype != object:
        return values
    return np.array([wording.clean(value) for value in values], dtype=object)
