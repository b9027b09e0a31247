"""Where the files of a GEO series are: accessions, folders, addresses."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from epigpt.errors import InputError

_SERIES = re.compile(r"GSE[0-9]{1,7}", re.IGNORECASE)
_NCBI_HOSTS = frozenset({"ftp.ncbi.nlm.nih.gov", "www.ncbi.nlm.nih.gov", "ftp.ncbi.nih.gov"})
_NCBI_PAGES = "https://www.ncbi.nlm.nih.gov/geo"
# Genome builds that NCBI counts reads on, with the name of the annotation that describes the
# GeneIDs, by taxon.
_NCBI_BUILDS = {"9606": ("GRCh38.p13", "Human.GRCh38.p13"), "10090": ("GRCm39", "Mouse.GRCm39")}


def accession(text: str) -> str:
    """Return a series accession in upper case.

    Raises
    ------
    InputError
        Anything but `GSE` and one to seven digits: other kinds of accession, and text with parts of
        a path or an address, which would otherwise decide where files are read and written.
    """
    given = text.strip()
    if _SERIES.fullmatch(given):
        return given.upper()
    printable = "".join(character if character.isprintable() else "?" for character in given)[:60]
    if re.fullmatch(r"(GSM|GPL|GDS)[0-9]+", given, re.IGNORECASE):
        kind = {"GSM": "a sample", "GPL": "a platform", "GDS": "a curated data set"}[
            given[:3].upper()
        ]
        why = f"it names {kind}, not a series"
    elif re.fullmatch(r"GSE[0-9]*", given, re.IGNORECASE):
        why = "a series has one to seven digits"
    else:
        why = "a series has another form; parts of a path or an address are never taken as one"
    raise InputError(
        f"accession '{printable}'",
        "source",
        why,
        "give the accession of a series: GSE and one to seven digits, such as GSE264537",
    )


def stub(series: str) -> str:
    """Name the folder that holds a series: its last one to three digits replaced by `nnn` (GSE939
    is in GSEnnn)."""
    return re.sub(r"[0-9]{1,3}$", "nnn", series)


def base_address(text: str) -> str:
    """Check the address of GEO or of a mirror and take off its final slash.

    Raises
    ------
    InputError
        A scheme other than https, http and file, a relative or remote `file://` address, a query,
        or a password, which would end up in the manifest and the report.
    """
    remedy = "give https://…, http://… or file:///absolute/folder"
    where = "geo.base_url"
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError as error:
        raise InputError(f"the address '{text}'", where, str(error), remedy) from None
    if parts.scheme not in {"http", "https", "file"}:
        raise InputError(
            f"the address '{text}'", where, f"the scheme '{parts.scheme}' is not supported", remedy
        )
    if parts.username is not None or parts.password is not None:
        why = "it carries a user name or a password, which the manifest and the report would show"
        raise InputError(
            "an address with a user name",
            where,
            why,
            "take them out; credentials belong in ~/.netrc",
        )
    if parts.query or parts.fragment:
        raise InputError(f"the address '{text}'", where, "a base address has no query", remedy)
    if parts.scheme == "file" and (
        host not in {None, "localhost"} or not parts.path.startswith("/")
    ):
        raise InputError(
            f"the address '{text}'",
            where,
            "a file address names an absolute folder on this machine",
            remedy,
        )
    if parts.scheme != "file" and not host:
        raise InputError(f"the address '{text}'", where, "it names no host", remedy)
    return text.rstrip("/")


@dataclass(frozen=True)
class SeriesUrls:
    """Addresses of one series.

    Parameters
    ----------
    base
        As `base_address` gives it.
    accession
        As `accession` gives it.
    """

    base: str
    accession: str

    @property
    def is_at_ncbi(self) -> bool:
        """Return whether the base is NCBI's own server."""
        return urlsplit(self.base).hostname in _NCBI_HOSTS

    @property
    def folder(self) -> str:
        """The series' folder, with a final slash."""
        return f"{self.base}/series/{stub(self.accession)}/{self.accession}/"

    @property
    def soft(self) -> str:
        """The family file: the record of the series, its platforms and its samples."""
        return self.record_file("soft", f"{self.accession}_family.soft.gz")

    @property
    def matrix_folder(self) -> str:
        """The folder of the series matrices."""
        return f"{self.folder}matrix/"

    @property
    def supplements(self) -> str:
        """The folder of the supplementary files."""
        return f"{self.folder}suppl/"

    def record_file(self, kind: str, name: str) -> str:
        """Address of a file in one of the series' folders (`soft`, `matrix`, `suppl`)."""
        return f"{self.folder}{kind}/{quote(name)}"

    def is_series_matrix(self, name: str) -> bool:
        """Return whether a name is the series matrix, or one of several platforms' series
        matrices."""
        return (
            re.fullmatch(rf"{self.accession}(-GPL[0-9]+)?_series_matrix\.txt\.gz", name) is not None
        )

    def owns(self, name: str) -> bool:
        """Return whether a supplementary file name belongs to the series and is a plain file
        name."""
        # An index also links to its parent folder and to other sites; GSE12 must not take the files
        # of GSE123.
        belongs = re.match(rf"{self.accession}(?![0-9])", name) is not None
        return (
            belongs
            and name.isprintable()
            and not re.search(r"[/\\:]", name)
            and len(name.encode()) <= 200
        )

    @property
    def status_page(self) -> str | None:
        """The page that says whether an accession is public, private or unknown; None for a mirror
        of files."""
        query = urlencode({"acc": self.accession, "targ": "self", "form": "text", "view": "brief"})
        if self.is_at_ncbi:
            return f"{_NCBI_PAGES}/query/acc.cgi?{query}"
        return None if self.base.startswith("file:") else f"{self.base}/query/acc.cgi?{query}"

    def ncbi_counts(self, taxon: str) -> dict[str, str]:
        """Addresses of NCBI's own RNA-seq counts and their gene annotation, by file name; empty for
        a taxon without them.

        NCBI answers them from another place than the series' folder. A mirror keeps them as plain
        files in `BASE/download/`.
        """
        if taxon not in _NCBI_BUILDS:
            return {}
        build, annotation = _NCBI_BUILDS[taxon]
        names = [f"{self.accession}_raw_counts_{build}_NCBI.tsv.gz", f"{annotation}.annot.tsv.gz"]
        if not self.is_at_ncbi:
            return {name: f"{self.base}/download/{name}" for name in names}
        queries = [
            {"type": "rnaseq_counts", "acc": self.accession, "format": "file", "file": names[0]}
        ]
        queries += [{"type": "rnaseq_counts", "format": "file", "file": names[1]}]
        return {
            name: f"{_NCBI_PAGES}/download/?{urlencode(query)}"
            for name, query in zip(names, queries, strict=True)
        }


def parts_of(relations: Sequence[str], summary: Sequence[str] = ()) -> list[str]:
    """List the series that a SuperSeries is made of; empty for any other series.

    Parameters
    ----------
    relations
        The values of `!Series_relation`.
    summary
        The values of `!Series_summary`: records of before about 2009 list the parts there.
    """
    found = [
        match[1]
        for text in relations
        if (match := re.fullmatch(r"SuperSeries of:\s*(GSE[0-9]{1,7})\s*", text))
    ]
    if not found and any(text.startswith("This SuperSeries is composed of") for text in summary):
        found = [match[1] for text in summary if (match := re.match(r"(GSE[0-9]{1,7})\b", text))]
    return sorted(set(found), key=lambda part: int(part[3:]))


def leaves(series: str, parts: Callable[[str], Sequence[str]]) -> list[str]:
    """Expand a SuperSeries to the series that hold its samples, each once, in order of accession.

    Parameters
    ----------
    series
        Accession of any series; one that is not a SuperSeries is its own leaf.
    parts
        Gives the parts of a series, as `parts_of` does.
    """
    accessions: set[str] = set()
    seen: set[str] = set()
    waiting = [series]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        below = parts(current)
        waiting.extend(below)
        if not below:
            accessions.add(current)
    return sorted(accessions, key=lambda leaf: int(leaf[3:]))
