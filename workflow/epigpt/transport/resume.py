"""A file on its way: the bytes so far, a note of which version they are, and the manifest's line in
the end."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fetched:
    """A line of the manifest.

    Attributes
    ----------
    file
        Name relative to the manifest's folder, or the absolute path of a local source.
    url
        Where it came from.
    bytes
        Its length.
    sha256
        Its checksum.
    time
        When it was fetched, UTC.
    """

    file: str
    url: str
    bytes: int
    sha256: str
    time: str


@dataclass(frozen=True)
class Note:
    """What is known of a file under way; lies beside its `.part`."""

    url: str
    etag: str = ""
    last_modified: str = ""
    bytes: int | None = None
    sha256: str = ""
    time: str = ""


class Partial:
    """A file under way: its bytes so far, and the note that says of which version they are."""

    def __init__(self, name: str, url: str, folder: Path) -> None:
        self.part = folder / f"{name}.part"
        self._note_file = folder / f"{name}.json"
        self.note = self._read(url)

    def _read(self, url: str) -> Note | None:
        try:
            note = Note(**json.loads(self._note_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        return note if note.url == url else None

    @property
    def size(self) -> int:
        """Bytes here so far."""
        return self.part.stat().st_size if self.part.exists() else 0

    def write_note(self, note: Note) -> None:
        """Replace the note in one step."""
        temporary = self._note_file.with_suffix(".json.new")
        temporary.write_text(json.dumps(asdict(note), sort_keys=True), encoding="utf-8")
        temporary.replace(self._note_file)
        self.note = note

    def begin(self, note: Note) -> None:
        """Start from the first byte of a version."""
        # The old bytes go first: killed between the two steps, a note without bytes is harmless,
        # old bytes under a new note are not.
        self.part.unlink(missing_ok=True)
        self.write_note(note)

    def discard(self) -> None:
        """Forget the bytes and the note."""
        self.part.unlink(missing_ok=True)
        self._note_file.unlink(missing_ok=True)
        self.note = None
