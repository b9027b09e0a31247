"""What cannot be read without guessing is refused with what was found and what settles it; kinds of
values by their numbers."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from epigpt.errors import InputError
from epigpt.matrices.candidate import Candidate, Rejected, Search
from epigpt.matrices.choose import find
from epigpt.matrices.sample_matching import SampleNames
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.value_kind import kind_of_values

SAMPLES = [f"GSM{100 + number}" for number in range(6)]
TITLES = [f"mouse-{number}" for number in range(6)]
GENES = [f"ENSMUSG{number:011d}" for number in range(1, 61)]
COUNTS = np.random.default_rng(5).negative_binomial(2, 0.01, size=(len(GENES), len(SAMPLES)))
NAMES = SampleNames.of_record(
    pd.DataFrame({"title": TITLES}, index=SAMPLES), pd.DataFrame(index=SAMPLES)
)


def reads(
    folder: Path, pattern: str = "auto", allowed: tuple[str, ...] = ()
) -> tuple[Candidate, list[Rejected]]:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    files = [Member.of_file(path) for path in sorted(folder.iterdir()) if path.is_file()]
    return find(files, Search(NAMES, pattern, frozenset(allowed), Budget(1e9), scratch))


def refused(folder: Path, *told: str, **search) -> str:
    with pytest.raises(InputError) as caught:
        reads(folder, **search)
    message = str(caught.value)
    for part in told:
        assert part in message, message
    return message


def write(path: Path, values=COUNTS, head=SAMPLES, genes=GENES, sep="\t") -> None:
    lines = [
        sep.join(["gene", *head]),
        *(sep.join([gene, *map(str, row)]) for gene, row in zip(genes, values, strict=True)),
    ]
    path.write_text("\n".join(lines) + "\n")


def test_columns_that_match_no_sample_are_shown_beside_the_samples(tmp_path):
    write(tmp_path / "GSE1_counts.txt", head=[f"unrelated{letter}" for letter in "abcdef"])
    refused(
        tmp_path,
        "GSE1_counts.txt names none of its 6 columns",
        "columns without a sample: unrelateda, unrelatedb",
        "samples without a column: GSM100 (mouse-0)",
        "`sample_map`",
        "unrelatedf\t",
    )


def test_several_matrices_are_listed_and_the_cell_settles_it(tmp_path):
    write(tmp_path / "GSE1_counts_a.txt")
    write(tmp_path / "GSE1_counts_b.txt", COUNTS + 1)
    refused(
        tmp_path,
        "GSE1_counts_a.txt: table, genes × samples, 6 samples",
        "GSE1_counts_b.txt",
        "`matrix`",
        "raw counts",
    )
    assert reads(tmp_path, pattern="*_b.txt")[0].name == "GSE1_counts_b.txt"


def test_counts_are_taken_where_other_values_stand_beside_them(tmp_path):
    write(tmp_path / "GSE1_counts.txt")
    write(tmp_path / "GSE1_other.txt", COUNTS * 0.37 + 0.01)
    for allowed in ((), ("unknown",)):
        found, rejected = reads(tmp_path, allowed=allowed)
        assert found.name == "GSE1_counts.txt"
        assert "unknown kind" in rejected[0].reason


def test_a_pattern_that_names_nothing_lists_what_there_is(tmp_path):
    write(tmp_path / "GSE1_counts.txt")
    refused(tmp_path, "matrix = '*.h5'", "GSE1_counts.txt", pattern="*.h5")


def scaled(values: np.ndarray, total: float) -> np.ndarray:
    return values / values.sum(axis=0) * total


BIG = np.random.default_rng(1).negative_binomial(1, 0.002, size=(400, 6)) + 1
LOW = np.random.default_rng(3).negative_binomial(1, 0.05, size=(400, 6))
FACTORS = np.array([0.71, 0.86, 0.94, 1.07, 1.22, 1.33])
LENGTHS = np.random.default_rng(2).uniform(0.3, 9, size=(400, 1))
KINDS = {
    "raw_counts": BIG,
    "estimated_counts": np.where(np.arange(400)[:, None] % 3 == 0, BIG + 0.37, BIG),
    "normalised_integers": np.rint(scaled(BIG, 5e6)),
    "tpm": scaled(BIG / LENGTHS, 1e6),
    "cpm": scaled(BIG, 1e6),
    "fpkm": LOW / LENGTHS / LOW.sum(axis=0) * 1e5,
    "log": np.log2(scaled(BIG / LENGTHS, 1e6) + 1),
    "log_counts": np.log2(LOW + 1),
    "normalised_counts": LOW / FACTORS,
    "unknown": np.round(BIG / LENGTHS / BIG.sum(axis=0) * 1e5, 2),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_kind_of_values_is_told_by_the_numbers(kind):
    found = kind_of_values(sparse.csr_array(KINDS[kind].T))
    assert found.type == kind, found
    assert "sums from" in found.evidence


def test_a_fixed_upper_quartile_gives_normalised_integers_away():
    quartile = np.quantile(BIG, 0.75, axis=0)
    found = kind_of_values(sparse.csr_array(np.rint(BIG * 100_000 / quartile).T))
    assert found.type == "normalised_integers"
    assert "upper quartile" in found.evidence


def test_negative_and_microarray_values():
    assert kind_of_values(sparse.csr_array(BIG.T - 5000.5)).type == "intensity"
    assert kind_of_values(sparse.csr_array(np.log2(BIG.T) - 3)).type == "log"
    assert (
        kind_of_values(sparse.csr_array(np.log2(BIG.T + 1.0)), microarray=True).type == "intensity"
    )


def test_integers_under_a_name_that_says_otherwise_are_no_raw_counts():
    assert (
        kind_of_values(sparse.csr_array(BIG.T), "GSE1_normalized_counts.txt").type
        == "normalised_integers"
    )
    assert (
        kind_of_values(sparse.csr_array(BIG.T), "GSE1_non-normalized_counts.txt").type
        == "raw_counts"
    )


@pytest.mark.parametrize(
    ("rounded", "made", "kind"),
    [
        (2, lambda counts, factor: counts / factor, "normalised_counts"),
        (1, lambda counts, factor: counts / factor, "normalised_counts"),
        (0, lambda counts, factor: counts / factor, "normalised_integers"),
        (4, lambda counts, factor: np.log1p(counts), "log_counts"),
        (3, lambda counts, factor: np.log10(counts + 1), "log_counts"),
        (6, lambda counts, factor: np.log2(counts / factor + 1), "log"),
        (6, lambda counts, factor: np.log1p(counts / counts.sum(axis=0) * 1e4), "log"),
        (0, lambda counts, factor: counts, "raw_counts"),
    ],
)
def test_what_was_made_of_counts_is_named_by_what_they_left_behind(rounded, made, kind):
    means = np.exp(np.random.default_rng(4).normal(3, 2, size=(4000, 1)))
    mixed = np.random.default_rng(5).poisson(means * FACTORS)
    values = np.round(made(mixed, FACTORS), rounded)
    # The file's name is of no weight where the numbers tell.
    found = kind_of_values(sparse.csr_array(values.T), "GSE1_normalized_counts.txt")
    assert found.type == kind, found


def test_a_logarithm_is_undone_with_its_own_base(tmp_path):
    from epigpt.dataset import assemble

    values = sparse.csr_array(np.log1p(LOW).T)
    counts, how = assemble._as_counts(values, kind_of_values(values))
    np.testing.assert_array_equal(counts.toarray(), LOW.T)
    assert how.startswith("exp(x) - 1")


@pytest.mark.parametrize(
    "kind",
    ["tpm", "log", "normalised_integers", "fpkm", "log_counts", "normalised_counts", "unknown"],
)
def test_values_that_are_no_counts_need_consent(tmp_path, kind):
    write(
        tmp_path / "GSE1_expression.txt",
        KINDS[kind],
        genes=[f"ENSMUSG{number:011d}" for number in range(400)],
    )
    refused(tmp_path, f"allow_values='[{kind}]'", "column sums")
    assert reads(tmp_path, allowed=(kind,))[0].kind.type == kind


def test_a_workbook_that_turned_symbols_into_dates(tmp_path):
    import datetime

    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["gene", *SAMPLES])
    symbols = [
        "Gfap",
        "Vim",
        "Aqp4",
        "Sst",
        "Pvalb",
        "Npy",
        "Fos",
        "Arc",
        "Gad1",
        "Gad2",
        "Bdnf",
        "Cck",
        datetime.date(2019, 3, 1),
        "2-Sep",
    ]
    for number, symbol in enumerate(symbols):
        book.active.append([symbol, *map(int, COUNTS[number])])
    book.save(tmp_path / "GSE1_counts.xlsx")
    refused(tmp_path, "2 gene symbols", "2019-03-01 (MARCHF1 or MTARC1)", "2-Sep (SEPTIN2)")


def test_an_r_object_that_cannot_be_read_names_the_line_that_converts_it(tmp_path):
    (tmp_path / "GSE1_seurat.rds").write_bytes(b"no R at all")
    refused(tmp_path, "GSE1_seurat.rds", "readRDS('GSE1_seurat.rds')", "write.csv")


def test_a_cell_that_is_no_number(tmp_path):
    write(
        tmp_path / "GSE1_counts.txt",
        genes=[f"ENSMUSG{n:011d}" for n in range(600)],
        values=np.tile(COUNTS, (10, 1)),
    )
    text = (tmp_path / "GSE1_counts.txt").read_text().splitlines()
    text[-1] = text[-1].rsplit("\t", 1)[0] + "\tmany"
    (tmp_path / "GSE1_counts.txt").write_text("\n".join(text))
    refused(tmp_path, "not a number", "many", "GSE1_counts.txt")


def test_transcripts_and_ambiguous_columns_of_single_samples(tmp_path):
    def archive(text: str) -> None:
        with tarfile.open(tmp_path / "GSE1_RAW.tar", "w") as tar:
            for name in SAMPLES:
                entry = tarfile.TarInfo(f"{name}_a.tsv")
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))

    archive(
        "target_id\tlength\tNumReads\n" + "".join(f"ENSMUST{n:011d}.1\t9\t{n}\n" for n in range(30))
    )
    refused(tmp_path, "transcripts", "tximport")
    archive(
        "gene\tleft\tright\n" + "".join(f"{gene}\t{n}\t{n + 1}\n" for n, gene in enumerate(GENES))
    )
    refused(tmp_path, "left, right", "it is unclear which")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"\0\1\2binary" * 50, "binary"),
        (b"word\nonly\n", "two columns"),
    ],
)
def test_what_is_no_table(tmp_path, content, told):
    (tmp_path / "GSE1_counts.txt").write_bytes(content)
    refused(tmp_path, "GSE1_counts.txt", told)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    columns=st.permutations(range(6)),
    rows=st.permutations(range(len(GENES))),
    sep=st.sampled_from(["\t", ",", ";", "|"]),
    naming=st.sampled_from(["id", "title", "mangled", "path"]),
    corner=st.sampled_from(["", "gene", "Geneid", "X", None]),
    quotes=st.booleans(),
)
def test_order_delimiter_and_headers_do_not_change_the_result(
    tmp_path_factory, columns, rows, sep, naming, corner, quotes
):
    from epigpt.dataset.assemble import Origin, assemble

    folder = tmp_path_factory.mktemp("table")
    name = {
        "id": SAMPLES,
        "title": TITLES,
        "mangled": [t.replace("-", ".") for t in TITLES],
        "path": [f"/data/{t}.sorted.bam" for t in TITLES],
    }
    quoted = (lambda text: f'"{text}"') if quotes else (lambda text: text)
    head = ([] if corner is None else [quoted(corner)]) + [
        quoted(name[naming][index]) for index in columns
    ]
    lines = [sep.join(head)] + [
        sep.join([quoted(GENES[row]), *(str(COUNTS[row, index]) for index in columns)])
        for row in rows
    ]
    (folder / "GSE1_counts.txt").write_text("\n".join(lines))
    found = reads(folder)[0]
    labels = pd.DataFrame({"label": list("ababab"), "group": SAMPLES}, index=SAMPLES)
    data = assemble(
        found.values, found.samples, labels, "mouse", found.kind, "bulk", Origin("d", "GSE1")
    )
    assert list(data.obs_names) == SAMPLES
    assert list(data.var_names) == sorted(GENES)
    assert data.X.dtype == np.int32
    np.testing.assert_array_equal(data.X.toarray(), COUNTS.T)
