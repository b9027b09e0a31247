"""Objects of R's packages that hold a matrix of counts and say something of its columns: Seurat,
SingleCellExperiment, SummarizedExperiment, DESeqDataSet, DGEList, tximport's list."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from epigpt.matrices.union import union
from epigpt.matrices.values import Values

# Makes Values of an R matrix whose names are given beside it, or None.
Reader = Callable[[Any, list[str] | None, list[str] | None], Values | None]


def matrices(item: Any, read: Reader) -> Iterator[tuple[str, Values, pd.DataFrame]]:
    """Yield the counts of an object with a name for each, and the table of its columns.

    Parameters
    ----------
    item
        What `rdata` made of the object.
    read
        Reads a matrix; it is given row and column names for those that carry none.
    """
    kind = class_of(item)
    if kind == "Seurat":
        yield from _seurat(item, read)
    elif (assays := _get(item, "assays")) is not None:
        yield from _experiment(item, assays, read)
    elif (counts := _get(item, "counts")) is not None:
        values = read(counts, None, None)
        if values is not None:
            described = _texts(_get(item, "samples"))
            if described.empty and isinstance(item, dict):
                described = table_of(values.observations, item)
            yield "counts", values, described


def table_of(observations: Sequence[str], objects: Mapping[str, Any]) -> pd.DataFrame:
    """Return the data frame, of those that lie beside a matrix, whose rows are its observations, in
    their order; empty where there is none."""
    for item in objects.values():
        table = _texts(item)
        if table.index.is_unique and set(observations) <= set(table.index):
            return table.loc[list(observations)]
    return pd.DataFrame()


def class_of(item: Any) -> str:
    """Name the R class of an object."""
    named = _get(item, "class")
    if named is not None and np.size(named):
        return str(np.ravel(named)[0])
    if isinstance(item, dict):
        return "list"
    if isinstance(item, np.ndarray):
        return f"array of {item.ndim} dimensions"
    return type(item).__name__


def _get(item: Any, name: str) -> Any:
    """Return a slot of an object or an element of a list."""
    if isinstance(item, dict):
        return item.get(name)
    return vars(item).get(name) if hasattr(item, "__dict__") else None


def _listed(item: Any) -> dict[str, Any]:
    """Return the elements of R's lists, wrapped in classes as they may be."""
    while item is not None and not isinstance(item, dict):
        item = next(
            (
                inner
                for name in ("listData", "data", ".xData")
                if (inner := _get(item, name)) is not None
            ),
            None,
        )
    return {str(name): value for name, value in (item or {}).items()}


def _seurat(item: Any, read: Reader) -> Iterator[tuple[str, Values, pd.DataFrame]]:
    described = _texts(_get(item, "meta.data"))
    assays = _listed(_get(item, "assays"))
    active = str(np.ravel(_get(item, "active.assay"))[0]) if assays else ""
    # Counts of genes first: an integrated or corrected assay holds no counts.
    order = sorted(assays, key=lambda name: (name not in ("RNA", "Spatial"), name != active, name))
    for name in order:
        assay = assays[name]
        layers = _listed(_get(assay, "layers"))
        if layers:
            found = [
                (layer, values)
                for layer, matrix in layers.items()
                if layer == "counts" or layer.startswith("counts.")
                if (values := _layer(assay, layer, matrix, read)) is not None
            ]
        else:
            values = read(_get(assay, "counts"), None, None)
            found = [("counts", values)] if values is not None else []
        if found:
            whole = _joined(found)
            if set(whole.observations) <= set(described.index):
                described = described.loc[whole.observations]
            yield f"{name}/counts", whole, described
            return


def _joined(layers: Sequence[tuple[str, Values]]) -> Values:
    """Join the layers that Seurat 5 splits counts into, a sample each or as it was asked to."""
    if len(layers) == 1:
        return layers[0][1]
    cells = [name for _, values in layers for name in values.observations]
    return replace(union(layers)[0], observations=cells)


def _layer(assay: Any, layer: str, matrix: Any, read: Reader) -> Values | None:
    """Read a layer of Seurat 5, whose names stand in maps beside it."""
    return read(
        matrix, _mapped(_get(assay, "features"), layer), _mapped(_get(assay, "cells"), layer)
    )


def _mapped(names: Any, layer: str) -> list[str] | None:
    """Return the names that a map says are in a layer."""
    names = _get(names, ".Data") if _get(names, ".Data") is not None else names
    if not (hasattr(names, "coords") and len(getattr(names, "dims", ())) == 2):
        return None
    rows, layers = (list(map(str, names.coords[axis].values)) for axis in names.dims)
    if layer not in layers:
        return rows
    inside = np.asarray(names.values)[:, layers.index(layer)].astype(bool)
    return [row for row, yes in zip(rows, inside, strict=True) if yes]


def _experiment(item: Any, assays: Any, read: Reader) -> Iterator[tuple[str, Values, pd.DataFrame]]:
    named_assays = _listed(assays)
    described = _get(item, "colData")
    columns = _names(_get(described, "rownames"))
    ranges = _get(_get(_get(item, "rowRanges"), "partitioning"), "NAMES")
    rows = _names(_get(item, "NAMES")) or _names(ranges)
    rows = rows or _names(_get(_get(item, "elementMetadata"), "rownames"))
    for name in sorted(named_assays, key=lambda key: (key != "counts", key)):
        values = read(named_assays[name], rows, columns)
        if values is not None:
            table = _texts(
                pd.DataFrame(
                    {
                        k: np.ravel(v)
                        for k, v in _listed(described).items()
                        if np.size(v) == len(values.observations)
                    }
                )
            )
            if len(table) == len(values.observations):
                table.index = pd.Index(values.observations, dtype=object)
            yield name, values, table
            return


def _names(item: Any) -> list[str] | None:
    if item is None or isinstance(item, str) or not np.size(item):
        return None
    return list(map(str, np.ravel(item)))


def _texts(table: Any) -> pd.DataFrame:
    """Return a data frame as texts, by row name; empty where there is none."""
    if not isinstance(table, pd.DataFrame):
        return pd.DataFrame()
    texts = {
        str(name): ["" if pd.isna(value) else str(value) for value in table[name].tolist()]
        for name in table
    }
    index = pd.Index([str(name) for name in table.index], dtype=object)
    return pd.DataFrame(texts, index=index, dtype=object)
