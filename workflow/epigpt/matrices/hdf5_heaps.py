"""A look at the parts of an HDF5 file in which the HDF5 library would otherwise go round for ever.

Texts of any length lie in "global heap collections" (HDF5 File Format Specification 3.0, III.E):
a header of 16 bytes, then objects, each with its number and size. The library walks from object to
object by their sizes; where a damaged file says 0 it stands still, in compiled code that no signal
of Python's reaches.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

SIGNATURE = b"GCOL"
_HEADER = struct.Struct("<4sB3sQ")
_OBJECT = struct.Struct("<H6xQ")
_VERSION = 1
_SMALLEST, _LARGEST = 4096, 1 << 32
_BLOCK = 1 << 20


def damaged_heap(file: BinaryIO) -> int | None:
    """Return where in a file a collection lies whose objects do not fill it; None: all do.

    Parameters
    ----------
    file
        Open at any place; it is read from the beginning to the end.
    """
    for start in _collections(file):
        file.seek(start)
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            continue
        _, version, reserved, size = _HEADER.unpack(header)
        if version != _VERSION or reserved != bytes(3) or not _SMALLEST <= size <= _LARGEST:
            continue  # the letters stand in a text or among numbers
        if not _walks_to_its_end(file.read(size - _HEADER.size)):
            return start
    return None


def _collections(file: BinaryIO) -> Iterator[int]:
    """Find the signature, wherever it stands."""
    start, kept, across = 0, b"", len(SIGNATURE) - 1
    file.seek(0)
    while block := file.read(_BLOCK):
        ahead = file.tell()
        # Where one stands across two blocks, a few bytes of both tell; copying them whole is slow.
        for data, begin in ((kept + block[:across], start - len(kept)), (block, start)):
            place = data.find(SIGNATURE)
            while place >= 0:
                yield begin + place
                place = data.find(SIGNATURE, place + 1)
        start += len(block)
        kept = (kept + block[-across:])[-across:]
        file.seek(ahead)


def _walks_to_its_end(objects: bytes) -> bool:
    place, last, read = 0, len(objects) - _OBJECT.size, _OBJECT.unpack_from
    while place <= last:
        number, size = read(objects, place)
        # Number 0 is the room that is left, and counts its own head.
        step = _OBJECT.size + (size + 7) // 8 * 8 if number else size
        place += step
        if not step or place > len(objects):
            return False
    return True
