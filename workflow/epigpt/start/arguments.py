"""The arguments of `epigpt start`: what they may be, and what they say of a run, held against what
an earlier start has written."""

import argparse
from pathlib import Path
from typing import Any

from epigpt.config import loading, table_rows
from epigpt.config.dataset_row import ACCESSION, Row
from epigpt.config.settings import Settings
from epigpt.errors import InputError
from epigpt.models import presets
from epigpt.start.configuration import Configuration


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the source, what is decided already, and where to run."""
    parser.add_argument(
        "source", metavar="SOURCE", help="a GEO accession, an .h5ad file, or a table of counts"
    )
    parser.add_argument("--samples", default="", metavar="SHEET", help="sample sheet of a table")
    parser.add_argument("--name", default="", help="name of the data set (default: the source's)")
    for name, text in (
        ("label", "characteristic that holds the condition"),
        ("case", "its positive values, | between them"),
        ("control", "its negative values"),
        ("group", "characteristic that names the donor, or sample"),
        ("include", "filters, such as 'tissue=Hippocampus;sex=F'"),
        ("organism", "human, mouse, rat or zebrafish"),
        ("assay", "bulk or single_cell"),
    ):
        default = "" if name in ("case", "control", "include") else "auto"
        parser.add_argument(f"--{name}", default=default, help=f"{text} (default: found)")
    parser.add_argument("--model", default="auto", help="model preset (default: %(default)s)")
    parser.add_argument(
        "--hardware", default="", help="hardware preset (default: what this machine has)"
    )
    parser.add_argument("--profile", default="", help="profile of Snakemake, such as slurm")
    parser.add_argument(
        "--cores",
        default="",
        metavar="N",
        help="cores of this machine that jobs may use (default: all, or what the profile says)",
    )
    parser.add_argument(
        "--directory", type=Path, default=Path(), help="where config/ and results/ lie (default: .)"
    )
    parser.add_argument(
        "--base-url", default="", metavar="URL", help="a mirror of GEO: https://…, or a folder"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing: take what is proposed")


def refuse_unusable(options: argparse.Namespace) -> None:
    """Refuse what no run could be made of, before anything is looked at."""
    if options.name and not table_rows.NAME.fullmatch(options.name):
        raise InputError(
            f"--name '{options.name}'",
            "the command line",
            "it becomes the name of folders and files",
            "begin with a letter and go on with letters, digits, _ and -, such as --name my_data",
        )
    counted = options.cores.isdecimal() and int(options.cores)
    if options.cores not in ("", "all") and not counted:
        raise InputError(
            f"--cores {options.cores}",
            "the command line",
            "it is the number of this machine's cores that jobs may use",
            "give a whole number from 1, such as --cores 4, or --cores all",
        )


def refuse_other(options: argparse.Namespace, found: Configuration) -> None:
    """Refuse options that say otherwise than the files of an earlier start, which stay."""
    others = [*_other_sources(options, found), *_other_cells(options, found)]
    others += _other_keys(options, found)
    if others:
        option, value, there, path = others[0]
        leave = "" if option == "SOURCE" else f"leave {option} out, or "
        raise InputError(
            f"{option} {value}, where an earlier start wrote '{there}'",
            str(path),
            "its files are taken up as they are and never written over",
            f"{leave}edit the file, or start another run with --name NAME",
        )


# Option, what it says, what the file says, the file.
_Other = tuple[str, str, str, Path]


def _other_sources(options: argparse.Namespace, found: Configuration) -> list[_Other]:
    row = found.row
    both = [("SOURCE", options.source, row.source), ("--samples", options.samples, row.samples)]
    return [(*one, found.table) for one in both if one[1] and not _same(*one[1:])]


def _same(text: str, there: str) -> bool:
    """Return whether an argument means what a cell of the table says."""
    if ACCESSION.fullmatch(there) and not Path(text).is_file():
        return text.upper() == there.upper()
    return Path(text).expanduser().resolve() == Path(there)


def _other_cells(options: argparse.Namespace, found: Configuration) -> list[_Other]:
    row = vars(found.row)
    return [
        (f"--{name}", value, row[name], found.table)
        for name, value in vars(given(options)).items()
        if name not in ("dataset", "source", "samples")
        and value not in ("", "auto")
        and value != row[name]
    ]


def _other_keys(options: argparse.Namespace, found: Configuration) -> list[_Other]:
    asked, there = keys(options), found.content
    both = [
        ("--model", asked.get("model"), there.get("model", "auto")),
        (
            "--base-url",
            asked.get("geo", {}).get("base_url"),
            (there.get("geo") or {}).get("base_url", Settings().geo.base_url),
        ),
    ]
    return [
        (option, value, str(old), found.config)
        for option, value, old in both
        if value and value != old
    ]


def given(options: argparse.Namespace) -> Row:
    """Return the cells of the data set's row that the command line sets; no source."""
    return Row(
        options.name,
        "",
        samples=options.samples,
        organism=options.organism,
        assay=options.assay,
        label=options.label,
        case=options.case,
        control=options.control,
        group=options.group,
        include=options.include,
    )


def keys(options: argparse.Namespace) -> dict[str, Any]:
    """Return the keys of the config file that the command line sets."""
    found: dict[str, Any] = {}
    if options.model != "auto":
        presets.load(options.model)
        found["model"] = options.model
    if options.base_url:
        # A relative mirror counts from here, and the config file lies elsewhere.
        folder = Path(options.base_url).expanduser()
        address = folder.resolve().as_uri() if folder.is_dir() else options.base_url
        geo = Settings().geo.model_copy(update={"base_url": address})
        found["geo"] = {"base_url": loading.with_mirror(geo, Path.cwd()).base_url}
    return found
