"""Open HDF5 files that strangers wrote: no links out of the file, sizes bounded before anything is
read."""

import contextlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from epigpt.errors import InputError, refusing_foreign_errors
from epigpt.matrices.hdf5_heaps import damaged_heap
from epigpt.matrices.streams import Budget, Member

MAGIC = b"\x89HDF\r\n\x1a\n"
# A dataset's bytes on disk may stand for this many bytes of content, beyond the small ones; gzip
# reaches 1,032. What declares more was never written.
_MOST_UNPACKED, _SMALL = 2000, 1 << 26
_MOST_OBJECTS = 100_000
_LONGEST_CHUNK = 1 << 30


@contextmanager
def opened(member: Member, budget: Budget, scratch: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file, or a stretch of an archive that is one, after a look at everything it
    refers to.

    Raises
    ------
    InputError
        It is damaged, links to other files, or holds more than the budget.
    """
    with _seekable(member, budget, scratch) as source:
        _refuse_endless_walk(source, member.name)
        try:
            file = h5py.File(source, "r")
        except OSError as error:
            raise InputError(
                f"a damaged HDF5 file ({error})",
                member.name,
                "it cannot be opened",
                "download it again",
            ) from None
        with file, refusing_foreign_errors(member.name):
            _check(file, member.name, budget)
            yield file


def _refuse_endless_walk(source: Any, where: str) -> None:
    with contextlib.ExitStack() as stack:
        whole_file = not hasattr(source, "read")
        stream = stack.enter_context(Path(source).open("rb")) if whole_file else source
        place = damaged_heap(stream)
        stream.seek(0)
    if place is not None:
        raise InputError(
            f"a damaged HDF5 file (at byte {place:,})",
            where,
            "the objects of a heap of texts do not fill it, and a reader would go round for ever",
            "download it again",
        )


@contextmanager
def _seekable(member: Member, budget: Budget, scratch: Path) -> Iterator[Any]:
    """Return what h5py can open: the file, the stretch of an archive, or an unpacked copy of a
    compressed file."""
    if member.magic() == MAGIC:
        if member.is_whole_file:
            yield member.path
            return
        with member.raw() as stream:
            yield stream
        return
    with tempfile.NamedTemporaryFile(dir=scratch) as target, member.open(budget) as stream:
        while data := stream.read(1 << 22):
            target.write(data)
        target.flush()
        yield target.name


def _check(file: h5py.File, where: str, budget: Budget) -> None:
    """Walk all links without following any out of the file; add up what the datasets say they
    unpack to."""
    waiting, seen, total = [file["/"]], set(), 0
    declaring: list[h5py.Dataset] = []
    while waiting:
        group = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise _unsafe(
                    f"'{group.name.rstrip('/')}/{name}' is a link into another file"
                    f" ({link.filename})",
                    where,
                )
            if isinstance(link, h5py.SoftLink):
                raise _unsafe(f"'{group.name.rstrip('/')}/{name}' is a symbolic link", where)
            item = group[name]
            key = h5py.h5o.get_info(item.id).addr
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > _MOST_OBJECTS:
                raise _unsafe(f"more than {_MOST_OBJECTS:,} groups and datasets", where)
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual:
                    raise _unsafe(f"the data of '{item.name}' lie in other files", where)
                total += int(item.size or 0) * item.dtype.itemsize
                declaring.append(item)
    budget.foresee(total, where)
    for item in declaring:
        _check_declared(item, where)


def _check_declared(item: h5py.Dataset, where: str) -> None:
    """Refuse a dataset that says to hold far more than its bytes on disk can stand for."""
    declared = int(item.size or 0) * item.dtype.itemsize
    stored = int(item.id.get_storage_size())
    if declared > _SMALL and declared > _MOST_UNPACKED * stored:
        raise InputError(
            f"'{item.name}' declares {declared:,} bytes and holds {stored:,}",
            where,
            "reading it would fill the memory with values that were never written",
            "fetch the file again, or name another file in the cell `matrix`",
        )
    chunk = int(np.prod(item.chunks or (0,), dtype=object)) * item.dtype.itemsize
    if chunk > _LONGEST_CHUNK:
        raise InputError(
            f"'{item.name}' is stored in pieces of {chunk:,} bytes",
            where,
            "a piece must fit in memory to be unpacked",
            "write the file again with smaller chunks, or name another file in the cell `matrix`",
        )


def _unsafe(what: str, where: str) -> InputError:
    return InputError(
        what,
        where,
        "a downloaded file may read nothing but itself",
        "name another file in the cell `matrix`",
    )
