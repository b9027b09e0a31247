"""Files of a mirror on this machine, and whether the disk has room."""

import os
import shutil
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from epigpt.errors import InputError
from epigpt.transport.progress import size

DISK_RESERVE = 64 * 2**20


def local_path(url: str) -> Path:
    """Return the path that a `file://` address names."""
    # By bytes, as the address was made: a locale may not have the letters of a path.
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(url).path)))


def check_room(url: str, target: Path, needed: int) -> None:
    """Refuse a download of `needed` bytes that the disk has no room for."""
    if needed + DISK_RESERVE > shutil.disk_usage(target.parent).free:
        raise no_room(url, target, size(needed))


def no_room(url: str, target: Path, needed: str) -> InputError:
    """Return the refusal of a download for which the disk has no room."""
    return InputError(
        f"too little room on the disk: {size(shutil.disk_usage(target.parent).free)} free in"
        f" {target.parent}",
        url,
        f"what is still to come needs {needed}",
        "free some space, or run in a folder on another disk (--directory), then run the same"
        " command again",
    )
