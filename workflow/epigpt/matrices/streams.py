"""Files and stretches of archives as byte streams, unpacked on the way and bounded in what they may
unpack to."""

import bz2
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from epigpt.errors import InputError
from epigpt.matrices.text_streams import LONGEST_LINE

_CHUNK = 1 << 20
_MOST_LAYERS = 3
GIGABYTE = 10**9


@dataclass
class Budget:
    """How many bytes all files together may unpack to; counted while unpacking, because sizes in
    headers can lie.

    Attributes
    ----------
    limit
        Bytes.
    spent
        Bytes unpacked so far.
    """

    limit: float
    spent: int = 0

    @classmethod
    def of_gigabytes(cls, gigabytes: float) -> "Budget":
        """Make a budget from the setting `geo.max_unpacked_gb`."""
        return cls(gigabytes * GIGABYTE)

    def spend(self, count: int, where: str) -> None:
        """Count unpacked bytes; InputError once the limit is passed."""
        self.spent += count
        if self.spent > self.limit:
            raise self.exceeded(where)

    def foresee(self, count: int, where: str) -> None:
        """Refuse early what announces more than is left; nothing is counted."""
        if self.spent + count > self.limit:
            raise self.exceeded(where)

    def exceeded(self, where: str) -> InputError:
        """Make the refusal for content beyond the limit."""
        return InputError(
            f"content that unpacks to more than {self.limit / GIGABYTE:g} GB",
            where,
            "it may be meant to fill disk or memory",
            "if the file is to be trusted, raise `geo.max_unpacked_gb`; else name another file in"
            " the cell `matrix`",
        )


@dataclass(frozen=True)
class Member:
    """A readable file: one on disk, or a stretch of an uncompressed archive on disk.

    Attributes
    ----------
    name
        The name shown to users; members of archives as `GSE1_RAW.tar/GSM2_counts.txt.gz`.
    path, offset, size
        Where its bytes lie.
    """

    name: str
    path: Path
    offset: int = 0
    size: int = -1

    @classmethod
    def of_file(cls, path: Path) -> "Member":
        """Make a member of a file on disk."""
        return cls(path.name, path, 0, path.stat().st_size)

    @property
    def base(self) -> str:
        """The last part of the name."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def is_whole_file(self) -> bool:
        """Return whether the bytes are a file of their own."""
        return self.offset == 0 and self.size == self.path.stat().st_size

    def raw(self) -> BinaryIO:
        """Open the bytes as they are."""
        return cast(
            BinaryIO, io.BufferedReader(_Stretch(self.path, self.offset, self.size), _CHUNK)
        )

    def magic(self) -> bytes:
        """Return the first bytes as they are."""
        with self.raw() as stream:
            return stream.read(8)

    def open(self, budget: Budget) -> BinaryIO:
        """Open the content, unpacked when it is gzip, bzip2 or xz by its first bytes (names lie),
        also where what was packed had been packed before."""
        stream = cast(io.BufferedReader, self.raw())
        for _ in range(_MOST_LAYERS):
            start = stream.peek(8)[:8]
            unpacker = next(
                (make for magic, make in _UNPACKERS.items() if start.startswith(magic)), None
            )
            if unpacker is None:
                break
            unpacked = _Unpacked(cast(BinaryIO, stream), unpacker, budget, self.name)
            stream = io.BufferedReader(unpacked, _CHUNK)
        return cast(BinaryIO, stream)


class _Stretch(io.RawIOBase):
    """A part of a file, seen as a file."""

    def __init__(self, path: Path, offset: int, size: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._offset = offset
        self._size = size if size >= 0 else path.stat().st_size - offset
        self._at = 0
        self._file.seek(offset)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + position)
        self._file.seek(self._offset + self._at)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: max(0, self._size - self._at)]
        count = self._file.readinto(view) if len(view) else 0
        self._at += count or 0
        return count or 0

    def close(self) -> None:
        self._file.close()
        super().close()


class _Inflate:
    """zlib's decompressor with the interface of bz2 and lzma."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(31)
        self._tail = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._inner.decompress(self._tail + data, max_length)
        self._tail = self._inner.unconsumed_tail
        return out

    @property
    def needs_input(self) -> bool:
        return not self._tail

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data


_UNPACKERS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": _Inflate,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": lzma.LZMADecompressor,
}


class _Unpacked(io.RawIOBase):
    """The content of a compressed stream of one or several members; memory stays bounded whatever
    the ratio."""

    def __init__(
        self, source: BinaryIO, make: Callable[[], Any], budget: Budget, name: str
    ) -> None:
        self._source, self._make, self._budget, self._name = source, make, budget, name
        self._inner = make()
        self._carried = b""
        self._members = 1
        self._produced = self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        data = self._next(len(view))
        view[: len(data)] = data
        return len(data)

    def _next(self, wanted: int) -> bytes:
        while not self._ended:
            if self._inner.eof:
                self._next_member()
                continue
            data = self._input()
            try:
                out = self._inner.decompress(data, wanted)
            except (zlib.error, OSError, lzma.LZMAError, EOFError) as error:
                if self._members > 1 and not self._produced:
                    break  # bytes after the last member are no content
                raise _damaged(self._name, str(error)) from None
            if out:
                self._produced = True
                self._budget.spend(len(out), self._name)
                return bytes(out)
            if not data and self._inner.needs_input and not self._inner.eof:
                raise _damaged(self._name, "the data end before the trailer")
        self._ended = True
        return b""

    def _input(self) -> bytes:
        if not self._inner.needs_input:
            return b""
        data, self._carried = self._carried, b""
        return data or self._source.read(_CHUNK // 4)

    def _next_member(self) -> None:
        """Go on with the next compressed member; padding by zeros may follow the last one."""
        rest = self._inner.unused_data.lstrip(b"\0") or self._source.read(_CHUNK // 4).lstrip(b"\0")
        self._ended = not rest
        self._carried = rest
        self._inner = self._make()
        self._members += 1
        self._produced = False

    def close(self) -> None:
        self._source.close()
        super().close()


def _damaged(name: str, what: str) -> InputError:
    return InputError(
        f"a damaged compressed file ({what})",
        name,
        "its content is not complete",
        "delete the file and download it again",
    )


def line_blocks(stream: BinaryIO, size: int = 1 << 28) -> Iterator[bytes]:
    """Yield the rest of a stream in pieces of about `size` bytes that end with a line end (the last
    one need not).

    Raises
    ------
    ValueError
        A line of more than `LONGEST_LINE` bytes: one without an end would fill the memory.
    """
    rest = b""
    while data := stream.read(size):
        cut = data.rfind(b"\n") + 1
        if cut:
            yield rest + data[:cut]
            rest = data[cut:]
        else:
            rest += data
        if len(rest) > LONGEST_LINE:
            raise ValueError(f"a line of more than {LONGEST_LINE >> 20} MB")
    if rest:
        yield rest
