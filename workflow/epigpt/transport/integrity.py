"""Whether a downloaded file is whole: its kind, its own checks, its checksum."""

import gzip
import hashlib
import re
import tarfile
import zipfile
import zlib
from pathlib import Path

_CHUNK = 2**20
_HTML = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<(!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)


class Damaged(Exception):
    """A file that is not what its name says.

    Attributes
    ----------
    page
        The text of an HTML page that came instead; empty for other damage.
    """

    def __init__(self, what: str, page: str = "") -> None:
        super().__init__(what)
        self.page = page


def check(path: Path, name: str) -> None:
    """Look into a complete file.

    Parameters
    ----------
    path
        The file.
    name
        The name it will have, whose ending says what it must be.

    Raises
    ------
    Damaged
        An HTML page under another name, or a .gz, .tar, .zip or .xlsx file that is cut off or of
        another kind.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    lower = name.lower()
    if _HTML.match(start) and not lower.endswith((".html", ".htm")):
        page = path.read_bytes()[: 2**18].decode("utf-8", errors="replace")
        raise Damaged("an HTML page instead of the file", page)
    if lower.endswith((".gz", ".tgz")):
        _check_gzip(path, start)
    elif lower.endswith(".tar"):
        _check_tar(path)
    elif lower.endswith((".zip", ".xlsx")) and not zipfile.is_zipfile(path):
        raise Damaged("not a zip archive, or one that is cut off")


def _check_gzip(path: Path, start: bytes) -> None:
    if not start:
        raise Damaged("an empty file")
    if start[:2] != b"\x1f\x8b":
        raise Damaged("not gzip: the file does not begin with 1f 8b")
    try:
        # Reads every member to its trailer, which holds length and CRC of the content.
        with gzip.open(path) as content:
            while content.read(_CHUNK):
                pass
    except EOFError:
        raise Damaged("a truncated gzip: the data end before the trailer") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Damaged(f"a damaged gzip ({error})") from None


def _check_tar(path: Path) -> None:
    try:
        with tarfile.open(path, "r:") as archive:
            last = None
            for member in archive:
                last = member
    except (tarfile.TarError, EOFError) as error:
        raise Damaged(f"a damaged or truncated tar archive ({error})") from None
    # An archive that is cut within its last member still lists that member.
    if last is not None and last.isreg() and last.offset_data + last.size > path.stat().st_size:
        raise Damaged(f"a truncated tar archive: its member {last.name!r} is cut off")


def sha256(path: Path) -> str:
    """Checksum of a file, as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
