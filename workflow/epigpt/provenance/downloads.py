"""Notice downloaded files that were cut, replaced or deleted since their manifest was written.

They are no outputs that Snakemake knows, so that a download can be taken up again; what stands for
them is the manifest, which holds their sizes and checksums.
"""

import csv
import os
from pathlib import Path

from epigpt import files
from epigpt.errors import InputError
from epigpt.provenance.output_checksums import Damage, set_aside

MANIFESTS = ("results/*/geo/manifest.tsv", "results/corpus/*/series/*/geo/manifest.tsv")
_GONE = "gone"
_NEEDED = ("file", "bytes", "sha256")


def paths(manifest: Path) -> list[Path]:
    """List the files of a manifest, relative names counted from its folder.

    Raises
    ------
    InputError
        One of those that were downloaded is gone, or not as it was downloaded.
    """
    for path, found in changed(manifest, full=False):
        again = (
            "run the same command again: it sets the file aside and fetches it anew"
            if found != _GONE
            else f"delete {manifest} and run the same command again, which fetches it anew"
        )
        raise InputError(
            f"{path} is {found}"
            if found == _GONE
            else f"{path} is not as it was downloaded ({found})",
            str(manifest),
            "counts that are made of it would not be those of the series",
            again,
        )
    return [path for path, _ in _listed(manifest)]


def changed(manifest: Path, *, full: bool) -> list[tuple[Path, str]]:
    """List downloaded files that are not as the manifest says, each with what was met instead.

    Parameters
    ----------
    full
        Read every file, rather than only those that were written after the manifest.
    """
    found = []
    written = manifest.stat().st_mtime_ns
    for path, line in _listed(manifest):
        if path.parent != manifest.parent and manifest.parent not in path.parents:
            continue  # a local source, which Snakemake watches
        if not path.is_file():
            found.append((path, _GONE))
            continue
        status = path.stat()
        if str(status.st_size) != line["bytes"]:
            found.append((path, f"{status.st_size:,} bytes instead of {int(line['bytes']):,}"))
        elif full or status.st_mtime_ns > written:
            if files.sha256(path) != line["sha256"]:
                found.append((path, "other content of the same length"))
            elif status.st_mtime_ns > written:  # merely copied
                os.utime(path, ns=(written, written))
    return found


def verify(root: Path, *, full: bool, repair: bool) -> tuple[int, list[Damage]]:
    """Compare what was downloaded under `root` with its manifests; see
    `output_checksums.verify`. What is set aside takes its manifest along, so that it is fetched
    again."""
    looked, damaged = 0, []
    for manifest in [path for pattern in MANIFESTS for path in sorted(root.glob(pattern))]:
        try:
            looked += len(_listed(manifest))
            differing = [one for one in changed(manifest, full=full) if one[1] != _GONE]
        except (OSError, KeyError, ValueError, TypeError, InputError):
            continue  # a damaged manifest is an output, and noticed as one
        for path, found in differing:
            aside = set_aside(path) if repair else None
            damaged.append(Damage(path.relative_to(root), found, aside))
        if differing and repair:
            set_aside(manifest)
    return looked, damaged


def _listed(manifest: Path) -> list[tuple[Path, dict[str, str]]]:
    with manifest.open(encoding="utf-8", newline="") as table:
        reader = csv.DictReader(table, delimiter="\t")
        lacking = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
        lines = list(reader)
    if lacking or any(not (line["bytes"] or "").isdigit() for line in lines):
        raise InputError(
            f"a list of downloaded files without {', '.join(lacking) or 'their sizes'}",
            str(manifest),
            "it was changed after it was written, so the files cannot be held against it",
            f"delete {manifest} and run the same command again, which fetches it anew",
        )
    return [(manifest.parent / line["file"], line) for line in lines]
