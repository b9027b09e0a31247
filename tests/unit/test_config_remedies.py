"""What a refusal of a setting or of a row tells to do is done, and it works."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from epigpt.config import dataset_row, dataset_table, loading
from epigpt.config.config_files import read
from epigpt.config.settings import Settings
from epigpt.errors import InputError


class Run:
    """A config file with the table it names; `load` reads both as a run does."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "config.yaml"
        self.table = folder / "datasets.tsv"
        self.table.write_text("dataset\tsource\none\tGSE1\ntwo\tGSE2\n")

    def load(self, **settings: Any) -> Settings:
        self.file.write_text(yaml.safe_dump({"datasets": "datasets.tsv", **settings}))
        return self.load_file()

    def load_file(self) -> Settings:
        settings = loading.load(read(self.file), [self.file], self.folder)
        rows = dataset_table.read(Path(settings.datasets))
        loading.transfer_pairs(settings.transfer, [row.dataset for row in rows])
        return settings

    def refused(self, load: Callable[[], object]) -> str:
        with pytest.raises(InputError) as refusal:
            load()
        return refusal.value.remedy


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"epoch": 3}, "epochs"),
        ({"geo": {"base_ur": "https://example.org"}}, "geo.base_url"),
        ({"max_gene": 100}, "max_genes"),
    ],
)
def test_the_nearest_key_is_a_key_that_takes_the_value(run: Run, settings: Any, key: str) -> None:
    remedy = run.refused(lambda: run.load(**settings))
    assert f"did you mean '{key}'?" in remedy
    value = settings
    while isinstance(value, dict):
        (value,) = value.values()
    section, _, name = key.rpartition(".")
    loaded = run.load(**({section: {name: value}} if section else {name: value}))
    assert loaded.value(key) == value


@pytest.mark.parametrize(
    ("key", "wrong"),
    [("tuning", "ful"), ("encoding", "gene-value"), ("gene_selection", "deviations")],
)
def test_the_nearest_value_is_allowed(run: Run, key: str, wrong: str) -> None:
    remedy = run.refused(lambda: run.load(**{key: wrong}))
    (close,) = re.findall(r"did you mean '([^']+)'\?", remedy)
    assert run.load(**{key: close}).value(key) == close


def test_every_value_that_a_message_lists_is_allowed(run: Run) -> None:
    remedy = run.refused(lambda: run.load(precision="half"))
    listed = re.search(r"one of ([\w, -]+)", remedy)
    assert listed
    values = listed[1].split(", ")
    assert len(values) > 2
    assert [run.load(precision=value).precision for value in values] == values


def test_a_number_is_written_as_yaml_wants_it(run: Run) -> None:
    run.file.write_text("datasets: datasets.tsv\nlearning_rate: 5e-5\n")
    remedy = run.refused(run.load_file)
    (written,) = re.findall(r"in YAML this number is written (\S+)", remedy)
    run.file.write_text(f"datasets: datasets.tsv\nlearning_rate: {written}\n")
    assert run.load_file().learning_rate == pytest.approx(5e-5)


def test_a_table_that_is_nowhere_is_made_and_found(run: Run) -> None:
    remedy = run.refused(lambda: run.load(datasets="mine.tsv"))
    assert "or create it" in remedy
    (run.folder / "mine.tsv").write_text(run.table.read_text())
    assert run.load(datasets="mine.tsv").datasets == str(run.folder / "mine.tsv")


@pytest.mark.parametrize("key", ["gene_sets", "transcripts"])
def test_a_file_that_is_not_there_is_named_aright_or_left_out(run: Run, key: str) -> None:
    def written(name: str) -> dict[str, Any]:
        return {key: [name] if key == "gene_sets" else name}

    remedy = run.refused(lambda: run.load(**written("nowhere.txt")))
    assert remedy == f"correct the path in '{key}' or remove it"
    (run.folder / "here.txt").write_text("x\n")
    assert str(run.folder / "here.txt") in str(run.load(**written("here.txt")).value(key))
    run.load()


def test_a_data_set_of_a_pair_is_written_as_in_the_table(run: Run) -> None:
    remedy = run.refused(lambda: run.load(transfer=["one -> tow"]))
    assert remedy == "write 'two'"
    run.load(transfer=["one -> two"])
    assert "name two data sets" in run.refused(lambda: run.load(transfer=["one -> one"]))


def test_keys_that_are_no_text_are_left_out(run: Run) -> None:
    run.file.write_text("datasets: datasets.tsv\n1: 2\n")
    assert run.refused(run.load_file).startswith("remove the line")
    run.file.write_text("datasets: datasets.tsv\n")
    run.load_file()


# A table, what its refusal says, and the table as it then is.
TABLES = [
    ("dataset\tsorce\na\tGSE1\n", "did you mean 'source'?", "dataset\tsource\na\tGSE1\n"),
    ("dataset\na\n", "add the column 'source'", "dataset\tsource\na\tGSE1\n"),
    (
        "dataset\tsource\na\tGSE1\tmouse\n",
        "remove the extra cells or name their columns",
        "dataset\tsource\torganism\na\tGSE1\tmouse\n",
    ),
    (
        "dataset\tsource\na\tGSE1\na\tGSE2\n",
        "give each data set its own id",
        "dataset\tsource\na\tGSE1\nb\tGSE2\n",
    ),
    (
        "dataset\tsource\torganism\na\tGSE1\thuman being\n",
        "did you mean 'human'?",
        "dataset\tsource\torganism\na\tGSE1\thuman\n",
    ),
    ("dataset\tsource\n", "add a row", "dataset\tsource\na\tGSE1\n"),
]


@pytest.mark.parametrize(("text", "says", "mended"), TABLES)
def test_a_table_mended_as_told_is_read(run: Run, text: str, says: str, mended: str) -> None:
    run.table.write_text(text)
    assert says in run.refused(lambda: dataset_table.read(run.table))
    run.table.write_text(mended)
    assert dataset_table.read(run.table)[0].dataset == "a"


def test_a_header_of_all_columns_is_a_header(run: Run) -> None:
    run.table.write_text("")
    remedy = run.refused(lambda: dataset_table.read(run.table))
    (header,) = re.findall(r"header \(([^)]+)\)", remedy)
    assert header.split(", ") == list(dataset_row.COLUMNS)
    cells = {"dataset": "a", "source": "GSE1"}
    names = header.split(", ")
    run.table.write_text(
        "\t".join(names) + "\n" + "\t".join(cells.get(name, "") for name in names) + "\n"
    )
    assert dataset_table.read(run.table)[0].source == "GSE1"
