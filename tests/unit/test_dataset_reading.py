"""From the files of a series to its samples and counts, as the counts stage reads them: records of
every kind, choices, refusals."""

from dataclasses import replace

import numpy as np
import pytest

from geo_series import GENES, Made, counts_of, table
from mouse_records import mice, names, read, refused, row

ARRAY = "Expression profiling by array"


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


@pytest.mark.slow
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


@pytest.mark.parametrize(("group", "word"), [("sample", "donors"), ("mouse", "mice")])
def test_counts_say_what_their_groups_are_called(tmp_path, group, word):
    samples = [
        replace(sample, characteristics=(*sample.characteristics, f"mouse: m{place // 2}"))
        for place, sample in enumerate(mice())
    ]
    folder = Made("GSE1", samples).write(
        tmp_path, {"GSE1_counts.txt.gz": table(names(samples), counts_of(8))}
    )
    _, adata, reading = read(folder, row(label="genotype", group=group))
    assert reading["group"]["column"] == group
    assert adata.uns["donors"] == word
