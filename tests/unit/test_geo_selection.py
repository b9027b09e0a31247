"""Which supplementary files are downloaded, judged by their names alone."""

import pytest

from epigpt.geo.header import Header
from epigpt.geo.listing import Entry, parse_file_list
from epigpt.geo.selection import choose, may_hold_counts, other_content

SEQUENCING = Header(types=("Expression profiling by high throughput sequencing",), taxa=("9606",))
ARRAY = Header(types=("Expression profiling by array",))
METHYLATION = Header(
    types=(
        "Methylation profiling by high throughput sequencing",
        "Genome binding/occupancy profiling by array",
    )
)


def fetched(
    names: list[str],
    pattern: str = "auto",
    header: Header = SEQUENCING,
    members: tuple[str, ...] = (),
) -> list[str]:
    entries = [Entry(name) for name in names] + [Entry(name, 1, "GSE1_RAW.tar") for name in members]
    return [choice.entry.name for choice in choose(entries, pattern, header) if choice.fetched]


@pytest.mark.parametrize(
    "name",
    [
        "GSE1_counts.csv.gz",
        "GSE1_matrix.txt",
        "GSE1_a.tsv.gz",
        "GSE1_tpm.tab.gz",
        "GSE1_x.xlsx",
        "GSE1_x.h5ad",
        "GSE1_x.h5ad.gz",
        "GSE1_x.loom",
        "GSE1_filtered_feature_bc_matrix.h5",
        "GSE1_matrix.mtx.gz",
        "GSE1_barcodes.tsv.gz",
        "GSE1_seurat.rds",
        "GSE1_x.RData",
        "GSE1_x.tar.gz",
        "GSE1_x.zip",
        "GSE1_RAW.tar",
        "GSM1_liver_counts.gz",
        "GSM1_liver.htseq",
        "GSM1_ReadsPerGene.out.tab.gz",
        "GSM1_x.genes.results.gz",
        "GSM1_quant.sf.gz",
    ],
)
def test_kinds_that_may_hold_a_matrix(name: str) -> None:
    assert other_content(name) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("GSM1_R1.fastq.gz", "sequence reads"),
        ("GSM1.bam", "alignments"),
        ("GSE29087_Run00020_L3_1_20_mm9_sUCSC110221.map.gz", "alignments"),
        ("GSM1.bigWig", "coverage tracks"),
        ("GSM1.bw", "coverage tracks"),
        ("GSM1.bedGraph.gz", "coverage tracks"),
        ("GSM1_peaks.narrowPeak.gz", "genomic regions"),
        ("GSE1_nfr.bed.gz", "genomic regions"),
        ("GSM1_fragments.tsv.gz", "ATAC fragments"),
        ("GSE1.gtf.gz", "gene models"),
        ("GSM1.CEL.gz", "raw array data or genotypes"),
        ("GSE1_figure.pdf", "images"),
        ("GSE1_tissue.tiff.gz", "images"),
        ("GSE29087_README1.txt", "documents"),
        ("GSE1_md5sums.txt", "documents"),
        ("GSE1_script.R", "program code"),
        ("GSM1.hic", "chromatin contacts"),
        ("GSE1_x.qqq", "a kind of file that is not known to hold a matrix"),
    ],
)
def test_kinds_that_hold_something_else(name: str, content: str) -> None:
    assert other_content(name) == content


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GSE142485_counts_matrix_12-12-19.txt.gz", True),
        ("GSE142485_counts_matrix_normalized_12-12-19.txt.gz", False),
        ("GSE44625_non_normalized.txt.gz", True),
        ("GSE1_unnormalised.txt.gz", True),
        ("GSE37646_Yamaji_L1_FPKM.txt.gz", False),
        ("GSE299686_RNAseq_TPM.txt.gz", False),
        ("GSE64810_mlhd_DESeq2_diffexp_DESeq2_outlier_trimmed_adjust.txt.gz", False),
        ("GSE1_DESeq2_raw_counts.txt.gz", True),
        ("GSE1_table.xlsx", True),
        ("GSE1_model_expression.csv.gz", True),
        ("GSE1_features.tsv.gz", False),
    ],
)
def test_names_that_leave_counts_open(name: str, expected: bool) -> None:
    assert may_hold_counts(name) is expected


def test_competing_matrices_are_all_fetched_for_the_reader_to_judge() -> None:
    names = [
        "GSE1_fpkm.txt.gz",
        "GSE1_counts.txt.gz",
        "GSE1_reads.fastq.gz",
        "GSE1_tpm.txt.gz",
        "filelist.txt",
    ]
    assert fetched(names) == ["GSE1_counts.txt.gz", "GSE1_fpkm.txt.gz", "GSE1_tpm.txt.gz"]


def test_raw_archive_only_without_a_matrix_of_the_whole_series() -> None:
    assert fetched(["GSE1_RAW.tar", "GSE1_counts.csv.gz"], members=("GSM1_counts.txt.gz",)) == [
        "GSE1_counts.csv.gz"
    ]
    assert fetched(["GSE1_RAW.tar", "GSE1_x.bed.gz"], members=("GSM1_counts.txt.gz",)) == [
        "GSE1_RAW.tar"
    ]
    # Values that are not counts by their own name do not replace the archive.
    assert fetched(["GSE1_RAW.tar", "GSE1_FPKM.txt.gz"], members=("GSM1_counts.txt.gz",)) == [
        "GSE1_FPKM.txt.gz",
        "GSE1_RAW.tar",
    ]


def test_raw_archive_of_other_things_is_left_where_it_is() -> None:
    entries = [
        Entry("GSE1_RAW.tar", 10),
        Entry("GSM1.bw", 5, "GSE1_RAW.tar"),
        Entry("GSM1.narrowPeak.gz", 5, "GSE1_RAW.tar"),
    ]
    (choice,) = choose(entries, "auto", SEQUENCING)
    assert (choice.fetched, choice.reason) == (False, "holds coverage tracks and genomic regions")
    assert fetched(["GSE1_RAW.tar"]) == ["GSE1_RAW.tar"]  # nothing says what is in it


def test_real_file_list_of_single_cells(shared: object) -> None:
    text = (shared / "geo-mirror/series/GSE224nnn/GSE224438/suppl/filelist.txt").read_text()  # type: ignore[operator]
    (choice,) = choose(parse_file_list(text), "auto", SEQUENCING)
    assert (choice.entry.name, choice.entry.size, choice.fetched) == (
        "GSE224438_RAW.tar",
        2877440,
        True,
    )


def test_kind_of_study_decides() -> None:
    names = ["GSE1_RAW.tar", "GSE1_values.txt.gz"]
    assert fetched(names, header=METHYLATION) == []
    assert fetched(names, header=ARRAY) == []
    assert fetched(names, header=Header()) == ["GSE1_values.txt.gz"]
    assert fetched(names, "*values*", METHYLATION) == ["GSE1_values.txt.gz"]


def test_glob_names_files_members_or_triplets() -> None:
    names = ["GSE1_a.csv.gz", "GSE1_b.csv.gz", "GSE1_RAW.tar"]
    assert fetched(names, "*_b.csv*") == ["GSE1_b.csv.gz"]
    assert fetched(names, "GSM*counts*", members=("GSM1_counts.gz", "GSM2.bw")) == ["GSE1_RAW.tar"]
    assert fetched(names, "GSM*counts*", members=("GSM2.bw",)) == []
    assert fetched(names, "GSM*counts*") == [
        "GSE1_RAW.tar"
    ]  # no filelist.txt: only the archive itself can tell
    triplet = [
        "GSE1_matrix.mtx.gz",
        "GSE1_barcodes.tsv.gz",
        "GSE1_features.tsv.gz",
        "GSE1_umap.pdf",
    ]
    assert fetched(triplet, "*.mtx.gz") == [
        "GSE1_barcodes.tsv.gz",
        "GSE1_features.tsv.gz",
        "GSE1_matrix.mtx.gz",
    ]
