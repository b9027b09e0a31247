"""The corpus table: every bad row gets a message with row, column and a remedy that works."""

from pathlib import Path

import pytest

from epigpt.config import corpus_table, loading
from epigpt.errors import InputError


@pytest.fixture
def table(tmp_path: Path):
    (tmp_path / "counts.tsv").write_text("gene\ta\n")
    (tmp_path / "sheet.tsv").write_text("id\tx\n")
    (tmp_path / "cells.h5ad").write_text("")
    (tmp_path / "archs4.h5").write_text("")
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "b.h5ad").write_text("")
    (tmp_path / "many" / "a.h5ad").write_text("")
    (tmp_path / "empty").mkdir()

    def write(text: str) -> Path:
        path = tmp_path / "corpus.tsv"
        path.write_text(text)
        return path

    return write


def test_every_kind_of_source_is_known(table, tmp_path: Path) -> None:
    rows = corpus_table.read(
        table(
            "series\tsource\tsamples\torganism\na\tgse12\t\t\nb\tcells.h5ad\t\t\nc\tmany\t\tmouse\n"
            "d\tarchs4.h5\t\t\ne\tcounts.tsv\tsheet.tsv\trat\n"
        )
    )
    a, b, c, d, e = rows
    assert a.is_accession
    assert a.source == "GSE12"
    assert a.inputs == []
    assert b.inputs == [str(tmp_path / "cells.h5ad")]
    assert c.is_folder
    assert [Path(path).name for path in c.inputs] == ["a.h5ad", "b.h5ad"]
    assert d.is_collection
    assert e.inputs == [str(tmp_path / "counts.tsv"), str(tmp_path / "sheet.tsv")]
    # Nobody asks a series of the corpus a question: no sample is left out for its label.
    assert e.as_dataset().label == ""


@pytest.mark.parametrize(
    ("text", "told", "remedied"),
    [
        ("series\tsource\na\tnowhere.h5ad\n", "column 'source'", "series\tsource\na\tcells.h5ad\n"),
        ("series\tsource\na\tempty\n", "holds no .h5ad file", "series\tsource\na\tmany\n"),
        ("series\tsource\na\tGSM12\n", "not a series", "series\tsource\na\tGSE12\n"),
        ("series\tsource\na\t\n", "it is empty", "series\tsource\na\tGSE12\n"),
        ("series\tsource\na b\tGSE12\n", "column 'series'", "series\tsource\na_b\tGSE12\n"),
        (
            "series\tsource\na\tcounts.tsv\n",
            "needs a sample sheet",
            "series\tsource\tsamples\na\tcounts.tsv\tsheet.tsv\n",
        ),
        (
            "series\tsource\tsamples\na\tarchs4.h5\tnowhere.tsv\n",
            "column 'samples'",
            "series\tsource\tsamples\na\tarchs4.h5\tsheet.tsv\n",
        ),
        (
            "series\tsource\tsamples\na\tmany\tsheet.tsv\n",
            "describes its samples itself",
            "series\tsource\tsamples\na\tmany\t\n",
        ),
        (
            "series\tsource\na\tGSE12\nA\tGSE13\n",
            "the same id",
            "series\tsource\na\tGSE12\nB\tGSE13\n",
        ),
        ("serie\tsource\na\tGSE12\n", "did you mean 'series'", "series\tsource\na\tGSE12\n"),
        ("series\tsource\n", "header without rows", "series\tsource\na\tGSE12\n"),
        (
            "series\tsource\torganism\na\tGSE12\tmoose\n",
            "did you mean 'mouse'",
            "series\tsource\torganism\na\tGSE12\tmouse\n",
        ),
        (
            "series\tsource\tinclude\na\tGSE12\ttissue\n",
            "column 'include'",
            "series\tsource\tinclude\na\tGSE12\ttissue=brain\n",
        ),
    ],
)
def test_bad_rows_are_refused_and_the_remedy_works(
    table, text: str, told: str, remedied: str
) -> None:
    with pytest.raises(InputError) as refusal:
        corpus_table.read(table(text))
    assert told in str(refusal.value)
    assert corpus_table.read(table(remedied))


def test_a_corpus_is_called_as_its_table() -> None:
    assert corpus_table.name("config/epilepsy_corpus.tsv") == "epilepsy_corpus"
    assert corpus_table.name("") == ""
    with pytest.raises(InputError, match="rename it"):
        corpus_table.name("config/my corpus.tsv")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ({"weights": "corpus"}, {"weights": "corpus", "corpus": "corpus.tsv"}),
        (
            {"weights": "corpus", "corpus": "corpus.tsv", "encoding": "gene-sentence"},
            {"weights": "corpus", "corpus": "corpus.tsv", "encoding": "gene-tokens"},
        ),
        ({"corpus": "nowhere.tsv"}, {"corpus": "corpus.tsv"}),
    ],
)
def test_what_cannot_use_a_corpus_says_what_can(
    table, tmp_path: Path, root: Path, wrong: dict, right: dict
) -> None:
    table("series\tsource\na\tGSE12\n")
    datasets = tmp_path / "datasets.tsv"
    datasets.write_text("dataset\tsource\na\tGSE1\n")
    given = {"datasets": str(datasets)}
    for settings, fits in ((wrong, False), (right, True)):
        at = {
            key: str(tmp_path / value) if key == "corpus" else value
            for key, value in settings.items()
        }
        if fits:
            assert loading.load({**given, **at}, [], root).corpus.endswith("corpus.tsv")
        else:
            with pytest.raises(InputError):
                loading.load({**given, **at}, [], root)
