"""Read what R saved (.rds, .RData) as far as it is a matrix, a data frame or a sparse matrix; else
name the R line that converts it."""

import re
import warnings
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from epigpt.errors import InputError, refusing_foreign_errors
from epigpt.matrices import r_classes, sparse_parts
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.values import Values, narrowed

NAME = re.compile(r"\.(rds|rdata|rda|robj)(\.gz)?$", re.IGNORECASE)
_CONVERT = {
    "Seurat": (
        "Matrix::writeMM(SeuratObject::LayerData(x, layer = 'counts'), 'matrix.mtx'); "
        "writeLines(colnames(x), 'barcodes.tsv'); writeLines(rownames(x), 'features.tsv'); "
        "write.csv(x@meta.data, 'cell_metadata.csv'); "
        "zip('counts.zip', c('matrix.mtx', 'barcodes.tsv', 'features.tsv', 'cell_metadata.csv'))"
    ),
    "SingleCellExperiment": "zellkonverter::writeH5AD(x, 'counts.h5ad')",
    "SummarizedExperiment": "write.csv(SummarizedExperiment::assay(x, 'counts'), 'counts.csv')",
    "RangedSummarizedExperiment": (
        "write.csv(SummarizedExperiment::assay(x, 'counts'), 'counts.csv')"
    ),
    "DESeqDataSet": "write.csv(DESeq2::counts(x), 'counts.csv')",
    "DGEList": "write.csv(x$counts, 'counts.csv')",
}
_LONGEST = 10**8  # of R's compact sequences
_ANY = "write.csv(as.matrix(x), 'counts.csv')"


def read(member: Member, budget: Budget) -> list[tuple[str, Values, pd.DataFrame]]:
    """Return the matrices in a file with their names and what is said of their columns; rows of the
    R object are genes, columns observations.

    Raises
    ------
    InputError
        None of its objects can be read; the remedy is the R line that converts it.
    """
    import rdata  # heavy, and few series need it

    # Unpacked by us, within the budget: the library would unpack whatever it is given. Submitters
    # gzip what R has packed already.
    with member.open(budget) as stream:
        content = stream.read()
    content = _unpacked_again(content, budget, member.name)
    is_rds = ".rds" in member.base.lower()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # it warns of each class it has no constructor for; those are refused below
        try:
            parsed = rdata.parser.parse_data(
                content,
                extension=".rds" if is_rds else ".rda",
                expand_altrep=True,
                altrep_constructor_dict=_bounded_altrep(rdata.parser.DEFAULT_ALTREP_MAP),
            )
            objects = rdata.conversion.convert(
                parsed, constructor_dict={**rdata.conversion.DEFAULT_CLASS_MAP, "dgCMatrix": _keep}
            )
        except (
            Exception
        ) as error:  # whatever a foreign parser says of a foreign file, the remedy is the same
            raise _refusal(
                member,
                f"an R file that cannot be read here ({type(error).__name__}: {str(error)[:120]})",
                "",
            ) from error
    named = objects if isinstance(objects, dict) and not is_rds else {"": objects}
    if is_rds and r_classes.class_of(objects) == "list" and "counts" not in objects:
        named = {str(name): item for name, item in objects.items()}
    matrices: list[tuple[str, Values, pd.DataFrame]] = []
    read_named = partial(_named_values, where=member.name)
    with refusing_foreign_errors(member.name):
        for name, item in named.items():
            if (values := _values(item, member.name)) is not None:
                others = {key: other for key, other in named.items() if key != name}
                cells = r_classes.table_of(values.observations, others)
                matrices.append((name, values, cells))
                continue
            matrices += [
                ("/".join(filter(None, (name, inner))), values, cells)
                for inner, values, cells in r_classes.matrices(item, read_named)
            ]
    if not matrices:
        kinds = sorted({r_classes.class_of(item) for item in named.values()})
        raise _refusal(member, f"an R object of class {', '.join(kinds)}", kinds[0])
    return matrices


def _named_values(
    item: Any, rows: list[str] | None, columns: list[str] | None, where: str
) -> Values | None:
    """Read a matrix whose names may stand beside it."""
    values = _values(item, where)
    if values is not None or rows is None or columns is None:
        return values
    if isinstance(item, np.ndarray) and item.shape == (len(rows), len(columns)):
        return _of_dense(item, rows, columns)
    parts = item if isinstance(item, dict) else vars(item) if hasattr(item, "__dict__") else {}
    if all(name in parts for name in ("i", "p", "x", "Dim")):
        return _of_sparse({**parts, "Dimnames": [rows, columns]}, where)
    return None


def _bounded_altrep(constructors: Any) -> dict[Any, Any]:
    """Return R's compact forms with a bound: a sequence of 10^12 numbers takes a few bytes in a
    file, and all the memory once it is written out."""

    def bounded(build: Any) -> Any:
        def built(state: Any) -> Any:
            value = getattr(state, "value", None)
            if isinstance(value, np.ndarray) and value.size and abs(float(value[0])) > _LONGEST:
                raise ValueError(f"a sequence of {float(value[0]):.3g} numbers")
            return build(state)

        return built

    return {
        name: bounded(build) if name.startswith(b"compact") else build
        for name, build in constructors.items()
    }


def _unpacked_again(content: bytes, budget: Budget, name: str) -> bytes:
    import tempfile
    from pathlib import Path

    if not content.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ")):
        return content
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with Member(name, Path(file.name), 0, len(content)).open(budget) as stream:
            return stream.read()


def _keep(value: Any, attributes: Any) -> Any:
    return {"class": "dgCMatrix", **attributes}


def _values(item: Any, where: str) -> Values | None:
    """Take what has two named axes; None for anything else."""
    if isinstance(item, dict) and item.get("class") == "dgCMatrix":
        return _of_sparse(item, where)
    if all(hasattr(item, name) for name in ("i", "p", "x", "Dim", "Dimnames")):
        return _of_sparse(
            {name: getattr(item, name) for name in ("i", "p", "x", "Dim", "Dimnames")}, where
        )
    if (
        hasattr(item, "dims")
        and hasattr(item, "coords")
        and len(item.dims) == 2
        and len(item.coords) == 2
    ):  # xarray: an R matrix with names
        first, second = (list(map(str, item.coords[name].values)) for name in item.dims)
        return _of_dense(np.asarray(item.values), first, second)
    if isinstance(item, pd.DataFrame):
        numbers = item.select_dtypes("number")
        texts = [name for name in item if name not in numbers]
        genes = item[texts[0]].astype(str).tolist() if texts else list(map(str, item.index))
        # Integers of R come as pandas' nullable ones, whose plain array would be one of objects.
        values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        return _of_dense(values, genes, list(map(str, numbers.columns)))
    return None


def _of_dense(array: np.ndarray, genes: list[str], observations: list[str]) -> Values | None:
    if array.ndim != 2 or array.dtype.kind not in "iuf" or array.size == 0:
        return None
    if array.shape != (len(genes), len(observations)):
        return None
    return Values(narrowed(sparse.csr_array(array.T.astype(np.float64))), observations, genes)


def _of_sparse(parts: dict[str, Any], where: str) -> Values | None:
    names = [
        None if axis is None or isinstance(axis, str) else list(map(str, axis))
        for axis in parts["Dimnames"]
    ]
    if len(names) != 2 or names[0] is None or names[1] is None:
        return None
    shape = tuple(int(size) for size in parts["Dim"])
    if 0 in shape:
        return None
    # R compresses by column, genes × observations: the rows of observations × genes.
    matrix = sparse_parts.compressed(
        parts["x"], parts["i"], parts["p"], shape[::-1], by_column=False, where=where
    )
    sparse_parts.fitting(matrix, len(names[1]), len(names[0]), where)
    return Values(narrowed(matrix), names[1], names[0])


def _refusal(member: Member, what: str, kind: str) -> InputError:
    load = "x <- readRDS(FILE)" if ".rds" in member.base.lower() else "x <- get(load(FILE))"
    line = f"{load.replace('FILE', repr(member.base))}; {_CONVERT.get(kind, _ANY)}"
    return InputError(
        what,
        member.name,
        "only R's matrices, data frames and sparse matrices are understood here",
        f"convert it in R by\n    {line}\n  and give the result as source (a table or .zip with a"
        " sample sheet in the cell `samples`); or name another file in the cell `matrix`",
    )
