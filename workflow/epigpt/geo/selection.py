"""Which supplementary files to download. It never decides which matrix is analysed: the reader
looks into the files for that."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from epigpt.geo.header import Header
from epigpt.geo.listing import FILE_LIST, Entry

_COMPRESSION = r"(\.(gz|bz2|xz|zst|zip))?$"
# What a name's ending says about its content, first match first; none of it holds a matrix of gene
# expression.
_OTHER_CONTENT = [
    (r"\.(fastq|fq|fasta|fa|sra|2bit|fast5|pod5)", "sequence reads"),
    (r"\.(bam|sam|cram|bai|csi|map|bedpe|junctions?|sj\.out\.tab)", "alignments"),
    (r"\.(bw|bigwig|wig|bedgraph|bg|tdf)", "coverage tracks"),
    (r"\.(bed|bb|bigbed|narrowpeak|broadpeak|gappedpeak|peaks?|xls\.peaks)", "genomic regions"),
    (r"fragments\.tsv", "ATAC fragments"),
    (r"\.(gtf|gff|gff3|genepred)", "gene models"),
    (r"\.(vcf|bcf|maf|idat|cel|chp|cdf|bpm|egt|pair|gpr)", "raw array data or genotypes"),
    (r"\.(hic|cool|mcool|pairs)", "chromatin contacts"),
    (r"\.(pdf|png|jpe?g|tiff?|svg|eps|gif|bmp|ndpi|svs|czi|mp4|avi)", "images"),
    (r"\.(docx?|pptx?|rtf|html?|md|log|yaml|yml|xml|md5|md5sums?)", "documents"),
    (r"\.(r|py|sh|rmd|ipynb|m|pl|nf|smk)", "program code"),
    (r"\.(gmt|gct\.params|fai|dict)", "reference data"),
    (r"(tbi|tbx)", "an index"),
]
_DOCUMENT = re.compile(
    r"(read[-_ ]?me|md5|checksum|manifest|license)[^.]*\.(txt|tsv|csv)", re.IGNORECASE
)
_MATRIX = re.compile(
    r"\.(csv|tsv|txt|tab|tdt|counts?|htseq|out|results|sf|gct|dge|mtx|xlsx?|h5|hdf5|h5ad|h5mu|loom|rds|rda|rdata|robj|zarr)"
    + _COMPRESSION
    # GSM123_liver_counts.gz: per-sample tables often carry no ending but that of the compression.
    + r"|\.(tar|tgz|zip)(\.(gz|bz2|xz))?$|^[^.]+\.gz$",
    re.IGNORECASE,
)
_COMPANION = re.compile(
    r"(barcodes?|features?|genes?|cells?)[^/]*\.(tsv|csv|txt)(\.gz)?$", re.IGNORECASE
)
_COUNT_WORD = re.compile(
    r"count|raw|umi|(?<![a-z])reads?(?![a-z])|\.h5|\.h5ad|\.loom|\.mtx|\.dge|\.rds|\.robj|\.rdata",
    re.IGNORECASE,
)
_NORMALISED_WORD = re.compile(
    r"(?<!non[-_"
    r" .])(?<!non)(?<!un)normali[sz]|(?<![a-z])norm(?![a-z])|f?rpkm|fpkm|(?<![a-z])[tc]pm(?![a-z])"
    r"|rlog|vst",
    re.I,
)
_RESULT_WORD = re.compile(
    r"deseq|edger|limma|diff[-_ ]?exp|differential|statistic|fold[-_"
    r" ]?change|logfc|(?<![a-z])degs?(?![a-z])"
    r"|(?<![a-z])de(?![a-z])|enrichment|(?<![a-z])go(?![a-z])|peaks?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Choice:
    """A file that is there, whether it is downloaded, and why (not)."""

    entry: Entry
    fetched: bool
    reason: str


def other_content(name: str) -> str | None:
    """Return what a file holds that is not an expression matrix, judged by its name; None if it may
    hold one."""
    for ending, content in _OTHER_CONTENT:
        if re.search(ending + _COMPRESSION, name, re.IGNORECASE):
            return content
    if _DOCUMENT.search(name):
        return "documents"
    return None if _MATRIX.search(name) else "a kind of file that is not known to hold a matrix"


def may_hold_counts(name: str) -> bool:
    """Return whether a name leaves it open that the file holds counts: not one that says normalised
    values or test results."""
    if _NORMALISED_WORD.search(name):
        return False
    return bool(_COUNT_WORD.search(name)) or not (
        _RESULT_WORD.search(name) or _COMPANION.search(name)
    )


def choose(entries: Sequence[Entry], pattern: str, header: Header) -> list[Choice]:
    """Decide for every listed file whether to download it.

    Parameters
    ----------
    entries
        Files of the series, and members of its archive where a filelist.txt names them.
    pattern
        The cell `matrix`: `auto`, or a glob over the names of files and of archive members.
    header
        What the record says of the series.

    Returns
    -------
    list of Choice
        By name; of archive members, which come with their archive or not at all, none.
    """
    files = {
        entry.name: entry for entry in entries if not entry.archive and entry.name != FILE_LIST
    }
    members: dict[str, list[Entry]] = {name: [] for name in files}
    for entry in entries:
        if entry.archive in members:
            members[entry.archive].append(entry)
    choices = [
        (
            _by_pattern(entry, pattern, members[name], files)
            if pattern != "auto"
            else _by_name(entry, members[name], header)
        )
        for name, entry in sorted(files.items())
    ]
    return choices if pattern != "auto" else _archive_last(choices)


def names(file: str, pattern: str) -> bool:
    """Return whether the cell `matrix` names a file, or something within it: `book.xlsx/counts`
    names the workbook too."""
    return fnmatchcase(file, pattern) or fnmatchcase(file, pattern.partition("/")[0])


def _by_pattern(
    entry: Entry, pattern: str, members: Iterable[Entry], files: Iterable[str]
) -> Choice:
    if names(entry.name, pattern):
        return Choice(entry, True, f"matrix = {pattern}")
    inside = [member.name for member in members if fnmatchcase(member.name, pattern)]
    if inside:
        return Choice(entry, True, f"matrix = {pattern} names {len(inside)} of its members")
    # Without a filelist.txt only the archive itself can tell whether the pattern means a member.
    if (
        is_raw_archive(entry.name)
        and not members
        and not any(fnmatchcase(name, pattern) for name in files)
    ):
        return Choice(
            entry, True, f"matrix = {pattern} names no file of the series; a member may match"
        )
    triplet = any(fnmatchcase(name, pattern) and ".mtx" in name.lower() for name in files)
    if triplet and _COMPANION.search(entry.name):
        return Choice(entry, True, "rows or columns of a sparse matrix")
    return Choice(entry, False, f"does not match matrix = {pattern}")


def _by_name(entry: Entry, members: Sequence[Entry], header: Header) -> Choice:
    if not header.measures_expression:
        return Choice(
            entry, False, f"the series is not an expression study ({'; '.join(header.types)})"
        )
    if header.is_array_only:
        return Choice(entry, False, "an array series: its values are in the record")
    content = other_content(entry.name)
    if content is None and members:
        held = sorted(
            {kind for member in members if (kind := other_content(member.name)) is not None}
        )
        if all(other_content(member.name) is not None for member in members):
            content = " and ".join(held)
    return Choice(
        entry, content is None, "may hold a matrix" if content is None else f"holds {content}"
    )


def _archive_last(choices: list[Choice]) -> list[Choice]:
    """Leave the archive of per-sample files out where a file of the whole series may hold the
    counts."""
    whole = [
        choice
        for choice in choices
        if choice.fetched
        and not is_raw_archive(choice.entry.name)
        and may_hold_counts(choice.entry.name)
    ]
    if not whole:
        return choices
    reason = (
        f"{whole[0].entry.name} may hold the counts; set matrix to '*_RAW.tar' to use the archive"
    )
    return [
        (
            Choice(choice.entry, False, reason)
            if choice.fetched and is_raw_archive(choice.entry.name)
            else choice
        )
        for choice in choices
    ]


def is_raw_archive(name: str) -> bool:
    """Return whether a name is that of GEO's archive of the samples' own files."""
    return name.endswith("_RAW.tar")
