"""Text files as they come, seen as UTF-8 with plain line ends: UTF-16 and UTF-32 with or without a
mark, and the bare carriage returns of old spreadsheets."""

import codecs
import io
from typing import Any, BinaryIO, cast

# A million columns of 250 characters each.
LONGEST_LINE = 1 << 28
_LOOKED_AT = 1 << 14
_CHUNK = 1 << 20
# The mark of UTF-32 begins with that of UTF-16, so it comes first.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MOSTLY = 0.35  # share of zero bytes on one side of the pairs that makes it UTF-16


def as_utf8(stream: BinaryIO) -> BinaryIO:
    """Return a stream of the same text in UTF-8 whose lines end with a line feed.

    What is UTF-8 (or any other encoding of single bytes) with line feeds already is passed through
    unchanged, so that large tables cost nothing more.
    """
    head = _with_line_end(stream.read(_LOOKED_AT), stream)
    encoding = wide_encoding(head)
    joined: BinaryIO = cast(BinaryIO, Joined(head, stream))
    if encoding:
        joined = cast(BinaryIO, io.BufferedReader(_Recoded(joined, encoding), _CHUNK))
        head = _with_line_end(joined.read(_LOOKED_AT), joined)
        joined = cast(BinaryIO, Joined(head, joined))
    if b"\r" in head and b"\n" not in head:
        joined = cast(BinaryIO, io.BufferedReader(_LineFeeds(joined), _CHUNK))
    return joined


def _with_line_end(head: bytes, stream: BinaryIO) -> bytes:
    """Read on until the first line ends: that of a table with genes in columns has megabytes."""
    pieces, size = [head], len(head)
    while b"\n" not in pieces[-1] and b"\r" not in pieces[-1][:-1] and size < LONGEST_LINE:
        more = stream.read(_CHUNK)
        if not more:
            break
        pieces.append(more)
        size += len(more)
    return b"".join(pieces)


def wide_encoding(head: bytes) -> str:
    """Name the encoding of two or four bytes a character that a file's first bytes are in; "" for
    any other."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if len(head) < 4:
        return ""
    even, odd = head[0 : len(head) // 2 * 2 : 2], head[1::2]
    # Text of one script has its high byte zero in nearly every pair, and never the low one.
    if odd.count(0) > _MOSTLY * len(odd) and not even.count(0):
        return "utf-16-le"
    if even.count(0) > _MOSTLY * len(even) and not odd.count(0):
        return "utf-16-be"
    return ""


class Joined(io.BufferedIOBase):  # its methods are those of any stream
    """The bytes already read, then the rest of their stream."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._at, self._stream = head, 0, stream

    def readable(self) -> bool:  # noqa: D102 - as in any stream
        return True

    def read(self, size: int | None = -1) -> bytes:  # noqa: D102 - as in any stream
        wanted = -1 if size is None else size
        first = self._head[self._at :] if wanted < 0 else self._head[self._at : self._at + wanted]
        self._at += len(first)
        if len(first) == wanted:
            return first
        return first + self._stream.read(-1 if wanted < 0 else wanted - len(first))

    def readline(self, size: int | None = -1) -> bytes:  # noqa: D102 - as in any stream
        cut = self._head.find(b"\n", self._at)
        if cut >= 0:
            return self.read(cut + 1 - self._at)
        return self.read(len(self._head) - self._at) + self._stream.readline(LONGEST_LINE)

    def close(self) -> None:  # noqa: D102 - as in any stream
        self._stream.close()
        super().close()


class _Rewritten(io.RawIOBase):
    """A stream whose pieces are rewritten one after the other."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._rest = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        while not self._rest and not self._ended:
            data = self._source.read(_CHUNK)
            self._ended = not data
            self._rest = self._rewrite(data)
        part, self._rest = self._rest[: len(view)], self._rest[len(view) :]
        view[: len(part)] = part
        return len(part)

    def _rewrite(self, data: bytes) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        self._source.close()
        super().close()


class _Recoded(_Rewritten):
    def __init__(self, source: BinaryIO, encoding: str) -> None:
        super().__init__(source)
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="strict")

    def _rewrite(self, data: bytes) -> bytes:
        return self._decoder.decode(data, final=not data).encode()


class _LineFeeds(_Rewritten):
    def _rewrite(self, data: bytes) -> bytes:
        return data.replace(b"\r", b"\n")
