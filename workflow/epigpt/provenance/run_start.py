"""Look at the results that are there before a run plans from them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from epigpt.provenance import downloads, output_checksums
from epigpt.provenance.output_checksums import Damage

# Options of Snakemake that show or tidy something and make nothing.
_SHOWING = frozenset(
    {
        *("-n", "--dry-run", "--dryrun", "--lint", "--unlock", "--touch", "-t", "--report"),
        *("-l", "--list-rules", "--list", "--list-target-rules", "-S", "--summary", "-D"),
        *("--detailed-summary", "--dag", "--rulegraph", "--filegraph", "--archive"),
        *("--cleanup-metadata", "--delete-all-output", "--delete-temp-output", "--d3dag"),
        *("--list-input-changes", "--list-code-changes", "--list-params-changes"),
    }
)
# What Snakemake's planning reads itself, with a key that each has.
_DECISIONS = {"results/*/folds.json": "assessable", "results/*/transfer/*/summary.json": "reason"}


def check(root: Path, arguments: Sequence[str], warn: Callable[[str], object]) -> None:
    """Set aside results that are not as they were written, and say so.

    Nothing is looked at while another run holds the folder, and nothing is moved where Snakemake is
    only asked to show something.

    Parameters
    ----------
    root
        The working directory.
    arguments
        Snakemake's command line.
    warn
        Gets a sentence per damaged result.
    """
    locks = root / ".snakemake" / "locks"
    if not (root / "results").is_dir() or (locks.is_dir() and any(locks.iterdir())):
        return
    repair = not any(argument.split("=")[0] in _SHOWING for argument in arguments)
    _, damaged = output_checksums.verify(root, full=False, repair=repair)
    damaged += downloads.verify(root, full=False, repair=repair)[1]
    known = {damage.output for damage in damaged}
    unreadable = [
        damage
        for damage in _unreadable_decisions(root, repair=repair)
        if damage.output not in known
    ]
    for damage in [*damaged, *unreadable]:
        what_then = (
            f"set aside as {damage.aside.name}, and made again"
            if damage.aside
            else "a run would set it aside and make it again"
        )
        warn(f"{damage.output} is not as it was written ({damage.found}): {what_then}.")


def _unreadable_decisions(root: Path, *, repair: bool) -> list[Damage]:
    unreadable = []
    for pattern, key in _DECISIONS.items():
        for path in sorted(root.glob(pattern)):
            try:
                sound = key in json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError, TypeError, RecursionError):
                sound = False
            if not sound:
                aside = output_checksums.set_aside(path) if repair else None
                unreadable.append(
                    Damage(path.relative_to(root), "not the JSON it should be", aside)
                )
    return unreadable
