"""What lies in a folder of the archive: GEO's filelist.txt, a server's HTML index, or a local
folder."""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from epigpt.errors import InputError

FILE_LIST = "filelist.txt"


@dataclass(frozen=True)
class Entry:
    """A file of a series, or a member of its archive.

    Attributes
    ----------
    name
        File name without folders.
    size
        Bytes; None where the listing leaves it out.
    archive
        Name of the archive that holds the member; empty for a file of its own.
    """

    name: str
    size: int | None = None
    archive: str = ""


def parse_file_list(text: str) -> list[Entry]:
    """Read GEO's filelist.txt: the archive first, then its members; time and size may be blank.

    Names are kept as they stand there: members are data, and nothing is written under their names.
    """
    entries = []
    archive = ""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("\t")]
        if line.startswith("#") or len(cells) < 2 or not cells[1]:
            continue
        size = (
            int(cells[3]) if len(cells) > 3 and cells[3].isascii() and cells[3].isdigit() else None
        )
        if cells[0].lower() == "archive":
            archive = cells[1]
            entries.append(Entry(cells[1], size))
        else:
            entries.append(Entry(cells[1], size, archive))
    return entries


# Each attempt ends at the next tag, so that a page takes time in proportion to its length.
_LINK = re.compile(
    r"<a\s[^<>]*?\bhref\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)'|([^\s\"'<>]+))", re.IGNORECASE
)
_MOST_LINKS = 200_000


def parse_index(page: str, address: str) -> list[str]:
    """List the names that a folder's HTML index links to, files directly in that folder only, in
    order and each once.

    Parameters
    ----------
    page
        The HTML text.
    address
        Address of the folder, with a final slash; links to elsewhere (parent folder, other sites,
        column sorting) are left out.
    """
    folder = urlsplit(address)
    names: dict[str, None] = {}
    for number, found in enumerate(_LINK.finditer(page)):
        if number >= _MOST_LINKS:
            raise InputError(
                f"more than {_MOST_LINKS:,} links",
                address,
                "no folder of a series has that many files",
                "check geo.base_url",
            )
        target = html.unescape(found[1] or found[2] or found[3] or "")
        try:
            link = urlsplit(urljoin(address, target))
        except ValueError:
            continue
        if link.netloc != folder.netloc or link.query or not link.path.startswith(folder.path):
            continue
        name = unquote(link.path.removeprefix(folder.path))
        if name and "/" not in name:
            names[name] = None
    return list(names)


def list_folder(folder: Path) -> list[Entry] | None:
    """List the files of a local folder by name; None where there is no such folder."""
    if not folder.is_dir():
        return None
    files: Iterable[Path] = sorted(path for path in folder.iterdir() if path.is_file())
    return [Entry(path.name, path.stat().st_size) for path in files]
