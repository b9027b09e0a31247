"""From the files of a series to its samples and counts, as the counts stage reads them: records of
every kind, choices, refusals."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from epigpt.config.dataset_row import Row
from epigpt.dataset import sample_annotation
from epigpt.dataset.reading import read_dataset
from epigpt.errors import InputError
from epigpt.matrices.streams import Budget
from geo_series import GENES, SEQUENCING, Made, Sample, counts_of, table

ARRAY = "Expression profiling by array"


def mice(number: int = 8, first: int = 1, **more: str) -> list[Sample]:
    """Samples that alternate between wild type and knockout."""
    return [
        Sample(
            f"GSM{first + place}",
            f"mouse {first + place}",
            (f"genotype: {'KO' if place % 2 else 'WT'}", f"age: {8 + place % 3} weeks"),
            lines={"description": f"lib{place}", **more},
        )
        for place in range(number)
    ]


def names(samples: Sequence[Sample]) -> list[str]:
    return [sample.accession for sample in samples]


def read(folders: Path | Sequence[Path], row: Row, allowed: Sequence[str] = ("estimated_counts",)):
    """Read what a download would have left here."""
    listed = [folders] if isinstance(folders, Path) else folders
    files = [
        path
        for folder in listed
        for kind in ("soft", "matrix", "suppl")
        for path in sorted((folder / kind).glob("*"))
    ]
    return read_dataset(row, files, frozenset(allowed), Budget(1e9))


def row(source: str = "GSE1", **cells: str) -> Row:
    return replace(Row("a", source), **cells)


def refused(action: Callable[[], object], *told: str) -> str:
    with pytest.raises(InputError) as refusal:
        action()
    for part in told:
        assert part in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("record", ["soft", "matrix"])
def test_soft_files_and_series_matrices_serve_alike(tmp_path, record):
    samples = mice()
    counts = counts_of(8)
    folder = Made("GSE1", samples).write(
        tmp_path, {"GSE1_counts.txt.gz": table(names(samples), counts)}, record
    )
    labelled, adata, reading = read(folder, row(label="genotype", case="KO", control="WT"))
    assert labelled["label"].tolist() == ["WT", "KO"] * 4
    np.testing.assert_array_equal(
        adata.to_df().loc["GSM3", sorted(GENES)], counts[np.argsort(GENES), 2]
    )
    assert reading["label"] == {
        **reading["label"],
        "column": "genotype",
        "case": "KO",
        "control": "WT",
        "rule": "label = genotype",
    }
    assert adata.uns["organism"] == "mouse"


def test_series_matrices_of_two_platforms_are_one_series(tmp_path):
    samples = [
        replace(sample, platform=f"GPL{1 + place // 4}") for place, sample in enumerate(mice())
    ]
    folder = Made("GSE1", samples).write(
        tmp_path, {"GSE1_counts.txt.gz": table(names(samples), counts_of(8))}, "matrix"
    )
    refused(
        lambda: read(folder, row(label="genotype")),
        "samples of 2 platforms: GPL1 (4), GPL2 (4)",
        "platform=GPL1",
    )
    labelled, _, reading = read(folder, row(label="genotype", include="platform=GPL2"))
    assert labelled.index.tolist() == names(samples)[4:]
    assert {one["reason"] for one in reading["left_out"]} == {"include: platform=GPL2"}


@pytest.mark.parametrize(
    ("label", "texts"),
    [
        ("title~(KO|WT)", {"title": "hippocampus_{}_rep{}"}),
        ("description~genotype ([A-Z]+)", {"description": "genotype {}, animal {}"}),
        ("source_name", {"source_name_ch1": "{}"}),
        ("column~[.](KO|WT)[.]", {}),
    ],
)
def test_labels_from_beyond_the_characteristics(tmp_path, label, texts):
    samples = []
    for place, sample in enumerate(mice()):
        shown = {key: text.format(("WT", "KO")[place % 2], place) for key, text in texts.items()}
        title = shown.pop("title", sample.title)
        samples.append(
            replace(
                sample,
                title=title,
                characteristics=("tissue: brain",),
                lines={"description": f"lib{place}", **shown},
            )
        )
    columns = [sample.accession for sample in samples]
    if label.startswith("column"):
        columns = [
            f"{sample.accession}.{('WT', 'KO')[place % 2]}.{place}"
            for place, sample in enumerate(samples)
        ]
    folder = Made("GSE1", samples).write(
        tmp_path, {"GSE1_counts.txt.gz": table(columns, counts_of(8))}
    )
    labelled, _, reading = read(folder, row(label=label))
    assert labelled["label"].tolist() == ["WT", "KO"] * 4
    assert reading["label"]["column"] == label
    found, _, reading = read(folder, row(label="auto"))
    assert found["label"].tolist() == ["WT", "KO"] * 4
    assert reading["label"]["column"].partition("~")[0] == label.partition("~")[0]


def test_super_series_hold_each_sample_once(tmp_path):
    samples = mice(12)
    parts = {"GSE2": samples[:8], "GSE3": samples[6:]}
    relations = [f"relation = SuperSeries of: {name}" for name in parts]
    top = Made("GSE1", [], lines=relations).write(tmp_path)
    folders = [top]
    for number, (name, held) in enumerate(parts.items()):
        folders.append(
            Made(name, held).write(
                tmp_path,
                {f"{name}_counts.txt.gz": table(names(held), counts_of(len(held), number))},
            )
        )
    told = refused(
        lambda: read(folders, row(label="genotype")),
        "2 matrices that qualify",
        "GSE2_counts.txt.gz",
        "GSE3_counts.txt.gz",
    )
    assert "cell `matrix`" in told
    labelled, _, reading = read(folders, row(label="genotype", matrix="GSE2*"))
    assert labelled.index.tolist() == names(samples)[:8]
    assert "2 samples belong to several of these series and count once." in reading["notes"]
    assert reading["series"]["accession"] == "GSE1"


def test_matrices_of_different_samples_are_joined_unless_a_filter_keeps_one(tmp_path):
    half = {place: f"tissue: {'ab'[place // 8]}" for place in range(16)}
    samples = [
        replace(sample, characteristics=(*sample.characteristics, half[place]))
        for place, sample in enumerate(mice(16))
    ]
    files = {
        f"GSE1_{part}_counts.txt.gz": table(names(samples)[at : at + 8], counts_of(8, at))
        for at, part in ((0, "a"), (8, "b"))
    }
    folder = Made("GSE1", samples).write(tmp_path, files)
    labelled, adata, reading = read(folder, row(label="genotype"))
    assert labelled.index.tolist() == names(samples)
    assert reading["joined"] == ["GSE1_a_counts.txt.gz", "GSE1_b_counts.txt.gz"]
    expected = np.hstack([counts_of(8, 0), counts_of(8, 8)]).T
    np.testing.assert_array_equal(adata[:, GENES].X.toarray(), expected)
    labelled, _, reading = read(folder, row(label="genotype", include="tissue=b"))
    assert labelled.index.tolist() == names(samples)[8:]
    assert reading["refused"] == [
        {"file": "GSE1_a_counts.txt.gz", "reason": "holds none of the samples that `include` keeps"}
    ]
    refused(
        lambda: read(folder, row(label="genotype", include="tissue=c")),
        "'tissue' has no value 'c'",
        "'a', 'b'",
    )


@pytest.mark.parametrize("record", ["soft", "matrix"])
def test_microarrays_are_read_with_consent_and_marked(tmp_path, record):
    values = np.random.default_rng(0).uniform(4, 14, size=(8, len(GENES))).round(3)
    samples = [
        replace(
            sample,
            strategy="",
            values=dict(zip(GENES, values[place], strict=True)),
            platform=f"GPL{1 + place // 6}",
        )
        for place, sample in enumerate(mice())
    ]
    folder = Made("GSE1", samples, ARRAY, platforms={"GPL1": "in situ oligonucleotide"}).write(
        tmp_path, record=record
    )
    chosen = row(label="genotype", include="platform=GPL1")
    refused(lambda: read(folder, row(label="genotype"), ["intensity"]), "samples of 2 platforms")
    refused(lambda: read(folder, chosen), "a microarray series", "allow_values='[intensity]'")
    labelled, adata, reading = read(folder, chosen, ["intensity"])
    assert len(labelled) == 6
    assert adata.shape == (6, len(GENES))
    assert adata.uns["values"]["type"] == "intensity"
    assert "scaled to one million" in reading["values"]["transformed"]
    order = np.argsort(adata.to_df().loc["GSM2", GENES].to_numpy())
    np.testing.assert_array_equal(
        order, np.argsort(values[1])
    )  # the ranks of the intensities are kept


@pytest.mark.parametrize(
    ("kind", "strategy", "molecule"),
    [
        ("Methylation profiling by high throughput sequencing", "Bisulfite-Seq", "genomic DNA"),
        ("Methylation profiling by array", "", "genomic DNA"),
        (
            "Genome binding/occupancy profiling by high throughput sequencing",
            "ATAC-seq",
            "genomic DNA",
        ),
        (
            "Genome binding/occupancy profiling by high throughput sequencing",
            "ChIP-Seq",
            "genomic DNA",
        ),
        ("SNP genotyping by SNP array", "", "genomic DNA"),
        ("Non-coding RNA profiling by high throughput sequencing", "miRNA-Seq", "total RNA"),
        ("Genome variation profiling by high throughput sequencing", "WGS", "genomic DNA"),
        ("Protein profiling by protein array", "", "protein"),
    ],
)
def test_what_measures_no_expression_is_refused_by_name(tmp_path, kind, strategy, molecule):
    samples = [
        replace(sample, strategy=strategy, lines={"molecule_ch1": molecule}) for sample in mice()
    ]
    folder = Made("GSE1", samples, kind).write(
        tmp_path, {"GSE1_counts.txt.gz": table(names(samples), counts_of(8))}
    )
    refused(
        lambda: read(folder, row(label="genotype")),
        "a series of another kind",
        kind,
        "the record of GSE1",
    )


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
