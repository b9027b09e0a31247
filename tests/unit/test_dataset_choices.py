"""What of a series is read where its record or its user leaves a choice, and what is said of the rest."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epigpt.config.dataset_row import Row
from epigpt.dataset import sample_annotation
from epigpt.dataset.reading import read_dataset
from epigpt.errors import InputError
from epigpt.matrices.streams import Budget
from geo_series import GENES, SEQUENCING, Made, counts_of, table
from mouse_records import mice, names, read, refused, row


def test_organisms_and_assays_need_a_choice(tmp_path):
    mouse, human = mice(8), [replace(sample, organism="Homo sapiens") for sample in mice(6, 9)]
    folder = Made("GSE1", [*mouse, *human]).write(
        tmp_path, {"GSE1_counts.txt.gz": table(names([*mouse, *human]), counts_of(14))}
    )
    refused(
        lambda: read(folder, row(label="genotype")),
        "samples of 2 organisms: Homo sapiens (6), Mus musculus (8)",
        "cell `organism`",
    )
    labelled, adata, _ = read(folder, row(label="genotype", organism="mouse"))
    assert labelled.index.tolist() == names(mouse)
    assert adata.uns["organism"] == "mouse"
    cells = [
        replace(sample, lines={"library_source": "transcriptomic single cell"})
        for sample in mice(6, 9)
    ]
    folder = Made("GSE2", [*mouse, *cells]).write(
        tmp_path, {"GSE2_counts.txt.gz": table(names([*mouse, *cells]), counts_of(14))}
    )
    refused(
        lambda: read(folder, row("GSE2", label="genotype")),
        "samples of 2 assays: single_cell (6), bulk (8)",
        "cell `assay`",
    )
    assert read(folder, row("GSE2", label="genotype", assay="bulk"))[0].index.tolist() == names(
        mouse
    )
    assert (
        read(
            folder,
            row("GSE2", label="genotype", include="library_source=transcriptomic single cell"),
        )[2]["assay"]
        == "single_cell"
    )


def test_a_series_of_mixed_kinds_keeps_its_rna_sequencing(tmp_path):
    other = [
        replace(sample, strategy="ATAC-seq", lines={"molecule_ch1": "genomic DNA"})
        for sample in mice(4, 9)
    ]
    samples = [*mice(8), *other]
    made = Made(
        "GSE1",
        samples,
        lines=["type = Genome binding/occupancy profiling by high throughput sequencing"],
    )
    folder = made.write(tmp_path, {"GSE1_counts.txt.gz": table(names(samples), counts_of(12))})
    labelled, _, reading = read(folder, row(label="genotype"))
    assert labelled.index.tolist() == names(samples)[:8]
    assert [one["reason"] for one in reading["left_out"]] == ["ATAC-seq is not RNA sequencing"] * 4


def test_samples_that_record_or_matrix_lack_are_told(tmp_path):
    samples = mice(10)
    columns = [*names(samples)[:8], "input control"]
    folder = Made("GSE1", samples).write(
        tmp_path, {"GSE1_counts.txt.gz": table(columns, counts_of(9))}
    )
    labelled, _, reading = read(folder, row(label="genotype"))
    assert len(labelled) == 8
    assert [(one["sample"], one["reason"]) for one in reading["left_out"]] == [
        (name, "described, but not in the matrix") for name in names(samples)[8:]
    ]
    assert reading["matching"] == {
        "rule": "accession",
        "columns": 9,
        "samples": 10,
        "matched": 8,
        "unmatched_columns": ["input control"],
        "unmatched_samples": names(samples)[8:],
    }
    (warning,) = reading["warnings"]
    assert warning["about"] == "columns"
    assert (
        "1 of 9 columns of the matrix are not samples of the record: input control"
        in (warning["text"])
    )
    assert "2 of 10 samples of the record are not in the matrix: GSM9, GSM10" in warning["text"]


def test_a_local_table_with_its_sheet(tmp_path):
    (tmp_path / "counts.tsv").write_text(table([f"s{n}" for n in range(8)], counts_of(8)))
    sheet = tmp_path / "samples.csv"
    sheet.write_text(
        "id,genotype,sample\n"
        + "".join(f"s{n},{'KO' if n % 2 else 'WT'},x{n}\n" for n in reversed(range(9)))
    )
    local = Row("a", str(tmp_path / "counts.tsv"), str(sheet), label="auto", organism="mouse")
    labelled, _, reading = read_dataset(
        local, [tmp_path / "counts.tsv", sheet], frozenset(), Budget(1e9)
    )
    assert labelled.columns.tolist() == [
        "label",
        "group",
        "title",
        "genotype",
        "characteristic_sample",
    ]
    assert set(labelled["title"]) == {""}  # a sheet names samples by their ids alone
    assert labelled.index.tolist() == [f"s{n}" for n in reversed(range(8))]
    assert reading["left_out"] == [{"sample": "s8", "reason": "described, but not in the matrix"}]
    assert reading["label"]["rule"] == "label = auto: 'genotype', the only one"


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    columns=st.permutations(range(8)),
    rows=st.permutations(range(len(GENES))),
    sep=st.sampled_from(["\t", ",", ";"]),
    naming=st.sampled_from(["accession", "title", "description", "path", "mangled"]),
    swapped=st.lists(st.booleans(), min_size=8, max_size=8),
    record=st.sampled_from(["soft", "matrix"]),
    crlf=st.booleans(),
    order=st.permutations(range(8)),
)
def test_order_headers_and_characteristics_do_not_change_the_result(
    tmp_path_factory, columns, rows, sep, naming, swapped, record, crlf, order
):
    samples, counts = mice(), counts_of(8)
    called = {
        "accession": names(samples),
        "title": [sample.title for sample in samples],
        "description": [sample.lines["description"] for sample in samples],
        "path": [f"/data/{sample.accession}_Aligned.sortedByCoord.out.bam" for sample in samples],
        "mangled": [sample.title.replace(" ", ".") for sample in samples],
    }[naming]
    shuffled = [
        replace(
            sample, characteristics=sample.characteristics[::-1] if swap else sample.characteristics
        )
        for sample, swap in zip(samples, swapped, strict=True)
    ]
    text = table(
        [called[at] for at in columns],
        counts[np.ix_(rows, columns)],
        sep,
        [GENES[at] for at in rows],
    )
    made = Made("GSE1", [shuffled[at] for at in order])
    folder = made.write(
        tmp_path_factory.mktemp("mirror"),
        {"GSE1_counts.txt.gz": text.replace("\n", "\r\n") if crlf else text},
        record,
    )
    _, adata, _ = read(folder, row(label="genotype", case="KO", control="WT"))
    found = adata.to_df().loc[names(samples), GENES]
    np.testing.assert_array_equal(found.to_numpy(), counts.T)
    assert adata.obs.loc[names(samples), "label"].tolist() == ["WT", "KO"] * 4
    assert adata.obs.loc[names(samples), "age"].tolist() == [
        f"{8 + place % 3} weeks" for place in range(8)
    ]
    assert SEQUENCING not in adata.obs.columns


def test_a_series_without_its_record_is_one_message(tmp_path):
    matrix = tmp_path / "GSE1_counts.csv"
    matrix.write_text("gene,A\nAqp4,1\n")
    with pytest.raises(InputError, match="no record of GSE1"):
        sample_annotation.of_series("GSE1", [matrix])
