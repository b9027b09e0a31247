"""Rows of the corpus table: the series that a model learns from before it sees a data set."""

from dataclasses import dataclass, fields
from pathlib import Path

from epigpt.config import dataset_table, table_rows
from epigpt.config.dataset_row import ACCESSION, ASSAYS, ORGANISMS, Row
from epigpt.config.table_rows import Layout, Refuse
from epigpt.errors import InputError

# Files that hold many series, each with its samples.
COLLECTION = (".h5", ".hdf5")
# What recount3 calls a study's counts, and what it says of its runs beside them.
GENE_SUMS, METADATA = ".gene_sums.", ".MD.gz"
_SOURCES = (
    "give a GEO series (GSE and 1 to 7 digits), an .h5ad file, a folder of .h5ad files or of"
    " recount3's, an HDF5 file of ARCHS4 or DEE2 (.h5), or a counts table with its sample sheet in"
    " 'samples'"
)


@dataclass(frozen=True)
class CorpusRow:
    """One row; the cells as text, paths absolute, defaults filled in.

    Attributes
    ----------
    series
        Id of the row, used in paths.
    source
        A GEO series, an .h5ad file, a folder of such files or of recount3's (each a series), a
        counts table, or an HDF5 file of ARCHS4 or DEE2 (each series in it one of the corpus).
    samples, matrix, include
        As in the table of data sets; of a file of DEE2's, `samples` is its list of runs.
    organism, assay
        As there, for what the source does not say.
    """

    series: str
    source: str
    samples: str = ""
    organism: str = "auto"
    assay: str = "auto"
    matrix: str = "auto"
    include: str = ""

    @property
    def is_accession(self) -> bool:
        """Return whether the source is a GEO series."""
        return ACCESSION.fullmatch(self.source) is not None

    @property
    def is_folder(self) -> bool:
        """Return whether the source is a folder of series."""
        return not self.is_accession and Path(self.source).is_dir()

    @property
    def is_collection(self) -> bool:
        """Return whether the source is one file with many series."""
        return self.source.lower().endswith(COLLECTION)

    @property
    def inputs(self) -> list[str]:
        """Local files that the row is made of; none for a GEO series."""
        if self.is_accession:
            return []
        if self.is_folder:
            return [str(path) for path in series_files(Path(self.source))]
        return [path for path in (self.source, self.samples) if path]

    def as_dataset(self, source: str = "") -> Row:
        """Return the row of a data set that is read alike, with another source where given."""
        return Row(
            dataset=self.series,
            source=source or self.source,
            samples=self.samples,
            organism=self.organism,
            assay=self.assay,
            matrix=self.matrix,
            include=self.include,
            label="",
            group="sample",
        )


COLUMNS = tuple(field.name for field in fields(CorpusRow))
_DEFAULTS = {
    field.name: field.default for field in fields(CorpusRow) if isinstance(field.default, str)
}
LAYOUT = Layout(
    columns=COLUMNS,
    required=("series", "source"),
    name="the corpus table",
    row="series",
    first="add a row with an id and a source; " + _SOURCES,
)


def name(table: str) -> str:
    """Name a corpus by its table's file; empty without one.

    Raises
    ------
    InputError
        A file name that could not be a folder's.
    """
    stem = Path(table).stem if table else ""
    if table and not table_rows.NAME.fullmatch(stem):
        raise InputError(
            f"a table called '{Path(table).name}'",
            "config key 'corpus'",
            "its name becomes a folder name",
            "rename it: letters, digits, _ and -, a letter first, such as corpus.tsv",
        )
    return stem


def series_files(folder: Path) -> list[Path]:
    """List the .h5ad files of a folder, and recount3's with what belongs to them, by name; none
    where there is no series."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    found = [path for path in files if path.suffix == ".h5ad" or GENE_SUMS in path.name]
    beside = [path for path in files if path.name.endswith(METADATA)]
    return sorted(found + beside) if found else []


def read(table: Path) -> list[CorpusRow]:
    """Read the table; relative paths count from its folder.

    Raises
    ------
    InputError
        A table without rows, an unknown or doubled column, or a bad cell: the message names row and
        column.
    """
    return table_rows.read(table, LAYOUT, _row)


def _row(table: Path, number: int, given: dict[str, str]) -> CorpusRow:
    filled = {name: given.get(name) or _DEFAULTS.get(name, "") for name in COLUMNS}
    refuse = table_rows.refusing(table, number, filled)
    table_rows.check_id("series", filled, refuse)
    table_rows.check_choices(filled, refuse, organism=ORGANISMS, assay=ASSAYS)
    dataset_table.check_include(filled, refuse)
    _locate(table.parent, filled, refuse)
    return CorpusRow(**filled)


def _locate(folder: Path, filled: dict[str, str], refuse: Refuse) -> None:
    source = filled["source"]
    if dataset_table.is_series(filled, refuse):
        return
    if source == "":
        raise refuse("source", "it is empty", _SOURCES)
    table_rows.locate_file(folder, filled, "source", refuse, _SOURCES, folders=True)
    path = Path(filled["source"])
    if path.is_dir() and not series_files(path):
        raise refuse("source", "the folder holds no .h5ad file and none of recount3", _SOURCES)
    is_collection = path.name.lower().endswith(COLLECTION)
    describes_itself = path.is_dir() or path.name.lower().endswith(".h5ad")
    if describes_itself and filled["samples"]:
        raise refuse("samples", "this source describes its samples itself", "empty the cell")
    if not describes_itself and (filled["samples"] or not is_collection):
        if not filled["samples"]:
            raise refuse(
                "samples",
                "a counts table needs a sample sheet",
                "give the path of a table whose first column is the sample id",
            )
        table_rows.locate_file(
            folder, filled, "samples", refuse, "give the path of the sample sheet"
        )
