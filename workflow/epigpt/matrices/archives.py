"""Look into archives, and archives within them, without trusting a word they say about
themselves."""

import re
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Self

from epigpt.errors import InputError, refusing_foreign_errors
from epigpt.matrices.streams import Budget, Member

_DEEPEST = 4
_MOST_MEMBERS = 200_000
_TAR_NAME = re.compile(r"\.(tar|tgz|tbz2?|txz)(\.(gz|bz2|xz))?$", re.IGNORECASE)
_ZIP_NAME = re.compile(r"\.zip$", re.IGNORECASE)


def expand(member: Member, budget: Budget, scratch: Path, depth: int = 0) -> list[Member]:
    """Return the files that a file holds: itself, or the members of an archive and of archives
    within it.

    Members of a plain tar stay where they are and are read from there; those of compressed archives
    are unpacked into `scratch`.

    Parameters
    ----------
    member
        Any file.
    budget
        Bound on unpacked bytes.
    scratch
        Folder for unpacked members, removed by the caller. Their names there are numbers, so no
        name of an archive reaches the disk.

    Raises
    ------
    InputError
        An absolute path, `..`, a link or a device among the members; archives too deep or too
        large; damage.
    """
    is_tar, is_zip = bool(_TAR_NAME.search(member.base)), bool(_ZIP_NAME.search(member.base))
    if not (is_tar or is_zip):
        return [member]
    if depth >= _DEEPEST:
        raise InputError(
            f"archives within archives, more than {_DEEPEST} deep",
            member.name,
            "it may be meant to exhaust memory",
            "unpack it by hand",
        )
    with refusing_foreign_errors(
        member.name, "delete it and download it again", "a damaged archive: it cannot be unpacked"
    ):
        inside = _of_zip(member, budget, scratch) if is_zip else _of_tar(member, budget, scratch)
        members = [part for inner in inside for part in expand(inner, budget, scratch, depth + 1)]
    return sorted(members, key=lambda part: part.name)


class _Header(tarfile.TarInfo):
    """A member's header; the library would take a damaged one for the end of the archive, and the
    members behind it would be missing without a word."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        """Read the next header; ReadError where it is damaged or the end mark is missing."""
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":  # the end mark
                raise
            raise tarfile.ReadError(f"after {tarfile_.offset:,} bytes: {error}") from None


def _of_tar(member: Member, budget: Budget, scratch: Path) -> Iterator[Member]:
    magic = member.magic()
    packed = magic.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ"))
    names: set[str] = set()
    with (
        member.open(budget) as stream,
        tarfile.open(fileobj=stream, mode="r|" if packed else "r:", tarinfo=_Header) as archive,
    ):
        for number, entry in enumerate(archive):
            if number >= _MOST_MEMBERS:
                raise _unsafe(
                    member,
                    f"more than {_MOST_MEMBERS:,} members",
                    "it may be meant to exhaust memory",
                )
            if not _is_file(entry, member):
                continue
            name = f"{member.name}/{_checked(entry.name, member)}"
            if name in names:
                raise _twice(member, entry.name)
            names.add(name)
            budget.foresee(entry.size, name)
            if not packed:
                if member.offset + entry.offset_data + entry.size > member.path.stat().st_size:
                    raise tarfile.ReadError(f"its member '{entry.name}' is cut off")
                yield Member(name, member.path, member.offset + entry.offset_data, entry.size)
            else:
                content = archive.extractfile(entry)
                assert content is not None  # noqa: S101 - regular files have content
                yield _unpacked(name, content, None, scratch)
        while packed and stream.read(1 << 20):
            pass  # the checksum stands behind the archive's end mark, which damage may have moved


def _is_file(entry: tarfile.TarInfo, member: Member) -> bool:
    if entry.isdir():
        _checked(entry.name, member)
        return False
    if entry.issym() or entry.islnk():
        raise _unsafe(
            member,
            f"the member '{entry.name}' is a link to '{entry.linkname}'",
            "a link can point at any file of this machine",
        )
    if not entry.isreg():
        raise _unsafe(member, f"the member '{entry.name}' is a device or pipe", "it is not data")
    return True


def _of_zip(member: Member, budget: Budget, scratch: Path) -> Iterator[Member]:
    with member.raw() as stream, zipfile.ZipFile(stream) as archive:
        entries = archive.infolist()
        if not entries and _begins_with_a_member(stream):
            raise InputError(
                found="a zip archive whose table of contents is empty although members lie in it",
                where=member.name,
                why="the archive is damaged, and its members would be passed over",
                remedy="delete the file and run again, which downloads it anew",
            )
        if len(entries) > _MOST_MEMBERS:
            raise _unsafe(
                member, f"more than {_MOST_MEMBERS:,} members", "it may be meant to exhaust memory"
            )
        budget.foresee(sum(entry.file_size for entry in entries), member.name)
        names: set[str] = set()
        for entry in entries:
            name = f"{member.name}/{_checked(entry.filename, member)}"
            if entry.is_dir():
                continue
            if name in names:
                raise _twice(member, entry.filename)
            names.add(name)
            if (entry.external_attr >> 16) & 0o170000 not in (0, 0o100000):
                raise _unsafe(
                    member,
                    f"the member '{entry.filename}' is a link or device",
                    "it can point at any file of this machine",
                )
            if entry.flag_bits & 1:
                raise _unsafe(
                    member, f"the member '{entry.filename}' is encrypted", "there is no password"
                )
            with archive.open(entry) as content:
                yield _unpacked(name, content, budget, scratch)


def _begins_with_a_member(stream: IO[bytes]) -> bool:
    stream.seek(0)
    return stream.read(4) == b"PK\x03\x04"


def _checked(name: str, member: Member) -> str:
    """Return a member's name if it stays below the archive."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name) or "\0" in name:
        raise _unsafe(
            member,
            f"the member '{name}' has an absolute path or one with '..'",
            "it would leave the folder it is unpacked to",
        )
    return path.as_posix()


def _unpacked(name: str, content: IO[bytes], budget: Budget | None, scratch: Path) -> Member:
    """Copy a member's bytes to a file of ours; `budget` is None where the stream beneath counts
    them already."""
    size = 0
    with tempfile.NamedTemporaryFile(dir=scratch, delete=False) as file:
        while data := content.read(1 << 20):
            size += len(data)
            if budget is not None:
                budget.spend(len(data), name)
            file.write(data)
    return Member(name, Path(file.name), 0, size)


def _twice(member: Member, name: str) -> InputError:
    return _unsafe(member, f"two members named '{name}'", "it is unclear which of them is meant")


def _unsafe(member: Member, what: str, why: str) -> InputError:
    return InputError(
        what,
        member.name,
        why,
        "name another file in the cell `matrix`, or unpack it by hand after a look at its content",
    )
