"""`epigpt verify`: are the results what their jobs wrote."""

import argparse
from pathlib import Path

from epigpt.errors import InputError
from epigpt.provenance import downloads, output_checksums


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=Path,
        nargs="?",
        default=Path(),
        help="the folder of a run, which holds results/ (default: this one)",
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="set damaged results aside, so that the next run makes them again",
    )


def run(options: argparse.Namespace) -> int:
    """Read every result, name those that differ from what was written; status 1 where some do."""
    if not (options.folder / "results").is_dir():
        raise InputError(
            f"no folder {options.folder / 'results'}",
            "argument FOLDER",
            "there is nothing to verify",
            "name the folder that a run was started in (snakemake --directory FOLDER)",
        )
    gone = output_checksums.gone(options.folder)
    looked, damaged = output_checksums.verify(options.folder, full=True, repair=options.repair)
    fetched, damaged_files = downloads.verify(options.folder, full=True, repair=options.repair)
    looked += fetched
    damaged += damaged_files
    for output in gone:
        print(f"{output}: gone")
    for damage in damaged:
        moved = f"; set aside as {damage.aside.name}" if damage.aside else ""
        print(f"{damage.output}: {damage.found}{moved}")
    if damaged or gone:
        print(f"{len(damaged) + len(gone)} of {looked + len(gone)} results are not as written.")
        print(
            "Run the workflow again to make them anew."
            if options.repair or not damaged
            else "`epigpt verify --repair` sets them aside; the next run makes them anew."
        )
        return 1
    print(f"{looked} results are as they were written.")
    return 0
