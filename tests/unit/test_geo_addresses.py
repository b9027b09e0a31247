"""Where a series is, what its record says of it, and what lies beside it."""

import gzip
from pathlib import Path

import pytest

from epigpt.errors import InputError
from epigpt.geo import addresses
from epigpt.geo.header import read_header
from epigpt.geo.listing import Entry, list_folder, parse_file_list, parse_index


@pytest.mark.parametrize(
    ("accession", "stub"),
    [
        ("GSE1", "GSEnnn"),
        ("GSE12", "GSEnnn"),
        ("GSE939", "GSEnnn"),
        ("GSE1234", "GSE1nnn"),
        ("GSE29087", "GSE29nnn"),
        ("GSE264537", "GSE264nnn"),
        ("GSE1234567", "GSE1234nnn"),
    ],
)
def test_stub_replaces_the_last_one_to_three_digits(accession: str, stub: str) -> None:
    assert addresses.stub(accession) == stub
    assert (
        addresses.SeriesUrls("file:///m", accession).soft
        == f"file:///m/series/{stub}/{accession}/soft/{accession}_family.soft.gz"
    )


def test_accession_is_normalised() -> None:
    assert addresses.accession(" gse264537\n") == "GSE264537"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("GSE12345678", "one to seven digits"),
        ("GSE", "one to seven digits"),
        ("GSM123", "a sample"),
        ("gpl570", "a platform"),
        ("PRJNA1", "a series has another form"),
        ("", "a series has another form"),
        ("GSE１２３", "a series has another form"),
    ],
)
def test_other_accessions_are_refused(text: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        addresses.accession(text)


def test_base_address_loses_its_final_slash() -> None:
    assert (
        addresses.base_address("https://ftp.ncbi.nlm.nih.gov/geo/")
        == "https://ftp.ncbi.nlm.nih.gov/geo"
    )
    assert addresses.base_address("file:///data/mirror//") == "file:///data/mirror"


@pytest.mark.parametrize(
    "text",
    [
        "ftp://ftp.ncbi.nlm.nih.gov/geo",
        "file://server/share",
        "file:relative",
        "http://",
        "http://[::1",
        "https://h/geo?x=1",
        "gopher://x",
    ],
)
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        addresses.base_address(text)


def test_ncbi_counts_are_asked_for_at_ncbi_and_in_the_download_folder_of_a_mirror() -> None:
    at_ncbi = addresses.SeriesUrls("https://ftp.ncbi.nlm.nih.gov/geo", "GSE164073").ncbi_counts(
        "9606"
    )
    assert at_ncbi == {
        "GSE164073_raw_counts_GRCh38.p13_NCBI.tsv.gz": (
            "https://www.ncbi.nlm.nih.gov/geo/download/?type=rnaseq_counts&acc=GSE164073"
            "&format=file&file=GSE164073_raw_counts_GRCh38.p13_NCBI.tsv.gz"
        ),
        "Human.GRCh38.p13.annot.tsv.gz": (
            "https://www.ncbi.nlm.nih.gov/geo/download/?type=rnaseq_counts&format=file"
            "&file=Human.GRCh38.p13.annot.tsv.gz"
        ),
    }
    mirrored = addresses.SeriesUrls("file:///m", "GSE1").ncbi_counts("10090")
    assert (
        mirrored["GSE1_raw_counts_GRCm39_NCBI.tsv.gz"]
        == "file:///m/download/GSE1_raw_counts_GRCm39_NCBI.tsv.gz"
    )
    assert addresses.SeriesUrls("file:///m", "GSE1").ncbi_counts("7955") == {}


def test_names_of_other_series_and_of_paths_do_not_belong() -> None:
    series = addresses.SeriesUrls("file:///m", "GSE12")
    assert series.owns("GSE12_counts.csv.gz")
    assert series.owns("GSE12-GPL1_x.txt.gz")
    for name in (
        "GSE123_counts.csv.gz",
        "xGSE12_a",
        "filelist.txt",
        "GSE12_/../x",
        "GSE12_a\\b",
        "GSE12_\x1b[2J",
        "GSE12_" + "x" * 300,
    ):
        assert not series.owns(name), name
    assert series.is_series_matrix("GSE12-GPL570_series_matrix.txt.gz")
    assert not series.is_series_matrix("GSE123_series_matrix.txt.gz")


def test_parts_come_from_relations_or_from_an_old_summary() -> None:
    assert addresses.parts_of(
        [
            "BioProject: PRJNA1",
            "SuperSeries of: GSE20",
            "SuperSeries of: GSE3",
            "SubSeries of: GSE9",
        ]
    ) == [
        "GSE3",
        "GSE20",
    ]
    old = [
        "Text.",
        "This SuperSeries is composed of the following subset Series:",
        "GSE7775: Ovaries",
        "GSE7774: Ovaries too",
    ]
    assert addresses.parts_of([], old) == ["GSE7774", "GSE7775"]
    assert (
        addresses.parts_of([], ["Compare GSE1: the text alone makes no SuperSeries", "GSE1: x"])
        == []
    )


def test_leaves_are_listed_once_even_where_series_contain_each_other() -> None:
    parts = {"GSE1": ["GSE2", "GSE30"], "GSE2": ["GSE30", "GSE4", "GSE1"]}
    assert addresses.leaves("GSE1", lambda name: parts.get(name, [])) == ["GSE4", "GSE30"]
    assert addresses.leaves("GSE9", lambda name: []) == ["GSE9"]


def test_file_list_keeps_archive_and_members() -> None:
    text = (
        "#Archive/File\tName\tTime\tSize\tType\n"
        "Archive\tGSE1_RAW.tar\t01/01/2026 00:00:00\t2877440\tTAR\r\n"
        "File\tGSM1_a.txt.gz\t\t\t\n"
        "File\tGSM2_b.txt.gz\t01/01/2026\t12\tTXT\nnonsense\n"
    )
    assert parse_file_list(text) == [
        Entry("GSE1_RAW.tar", 2877440),
        Entry("GSM1_a.txt.gz", None, "GSE1_RAW.tar"),
        Entry("GSM2_b.txt.gz", 12, "GSE1_RAW.tar"),
    ]


def test_index_gives_only_names_in_the_folder_itself() -> None:
    address = "https://host/geo/series/GSE1nnn/GSE1234/suppl/"
    page = """<html><a href="../">Parent</a><a href="?C=M;O=A">Modified</a><A HREF='GSE1234_a%2Bb.csv.gz'>x</A><a>no target</a>
    <a href="/geo/series/GSE1nnn/GSE1234/suppl/filelist.txt">y</a><a href="https://www.hhs.gov/GSE1234_x">z</a><a href="sub/GSE1234_c">s</a>
    <a href="GSE1234_a%2Bb.csv.gz">again</a><a href="GSE1234%2F..%2Fevil">e</a><a href="//[bad">b</a>"""
    assert parse_index(page, address) == ["GSE1234_a+b.csv.gz", "filelist.txt"]


def test_absent_folder_is_told_from_an_empty_one(tmp_path: Path) -> None:
    assert list_folder(tmp_path / "none") is None
    assert list_folder(tmp_path) == []


def _record(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode("latin-1")))
    return path


def test_header_of_a_soft_file(tmp_path: Path) -> None:
    soft = _record(
        tmp_path / "a.soft.gz",
        "^DATABASE = GeoMiame\n^SERIES = GSE5\n!Series_title = Stra\xdfe\n!Series_type = Expression"
        " profiling by high throughput sequencing\n!Series_supplementary_file ="
        " ftp://h/geo/series/GSEnnn/GSE5/suppl/GSE5_counts.csv.gz\n!Series_supplementary_file ="
        " NONE\n!Series_sample_id = GSM1\n!Series_sample_id = GSM2\n!Series_relation = SuperSeries"
        " of: GSE6\n^PLATFORM = GPL1\n!Platform_taxid ="
        " 1\n!platform_table_begin\nID\n!platform_table_end\n^SAMPLE = GSM1\n!Sample_organism_ch1 ="
        " Mus musculus\n!Sample_taxid_ch1 = 10090\n^SAMPLE = GSM2\n!Sample_taxid_ch1 = 9606\n",
    )
    header = read_header([soft])
    assert header.taxa == ("10090",)  # the samples after the first are not read for it
    assert header.supplements == ("GSE5_counts.csv.gz", "NONE")
    assert (header.parts, header.sample_count) == (("GSE6",), 2)
    assert header.is_sequencing
    assert header.measures_expression
    assert not header.is_array_only


def test_header_of_an_old_lower_case_soft_file_with_crlf(tmp_path: Path) -> None:
    soft = _record(
        tmp_path / "a.soft.gz",
        "^series = GSE5\r\n!series_type = other\r\n^sample = GSM1\r\n!sample_organism = Mus"
        " musculus\r\n",
    )
    assert read_header([soft]).types == ("other",)


def test_header_of_series_matrices_of_two_platforms(tmp_path: Path) -> None:
    lines = (
        '!Series_type\t"Expression profiling by array"\n!Series_sample_id\t"GSM1 GSM2'
        ' "\n!Series_platform_taxid\t"9606"\n'
    )
    one = _record(
        tmp_path / "1.gz",
        lines
        + '!Sample_organism_ch1\t"Homo sapiens"\t"Homo sapiens"\n!series_matrix_table_begin\nx\n',
    )
    two = _record(
        tmp_path / "2.gz",
        lines.replace("GSM1 GSM2", "GSM3") + '!Sample_organism_ch1\t"Mus musculus"\n',
    )
    header = read_header([one, two])
    assert (header.sample_count, header.taxa, header.is_array_only) == (3, ("10090", "9606"), True)


def test_headers_of_real_records(shared: Path) -> None:
    series = shared / "geo-mirror" / "series"
    headers = {
        path.name.split("_")[0]: read_header([path])
        for path in sorted(series.glob("*/*/*/*.gz"))
        if "suppl" not in path.parts
    }
    assert headers["GSE11897"].parts == ("GSE7774", "GSE7775", "GSE7776")
    assert headers["GSE44903"].taxa == ("10116",)
    assert headers["GSE44903"].is_array_only
    assert headers["GSE64810"].taxa == ("9606",)
    assert headers["GSE235534"].is_sequencing
    assert "GSE235534_RAW.tar" in headers["GSE235534"].supplements
    assert headers["GSE67835"].taxa == ("9606",)
    assert [name for name, header in headers.items() if header.parts] == ["GSE11897"]
