"""The command `epigpt describe`: what is in a GEO series or a sample sheet, as text, JSON or a web
page."""

import argparse
import json
import logging
import sys
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from epigpt import files
from epigpt.config import config_files, loading, settings, settings_data
from epigpt.config.dataset_row import Row, parse_include
from epigpt.describe.description import Description
from epigpt.describe.series_description import describe_series, describe_sheet
from epigpt.describe.text_page import size, text
from epigpt.errors import InputError
from epigpt.samples.classes import FEWEST_GROUPS
from epigpt.samples.label_rows import table_to_paste
from epigpt.transport.http_client import Connection

_TEMPLATES = Path(__file__).parent / "templates"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "source",
        metavar="ACCESSION",
        help="a GEO series, such as GSE264537, or the path of a sample sheet",
    )
    parser.add_argument(
        "--base-url",
        metavar="URL",
        help="GEO or a mirror (https, http or file); default: geo.base_url of the settings",
    )
    parser.add_argument(
        "--configfile",
        type=Path,
        metavar="FILE",
        help="take the settings under geo from this config file",
    )
    parser.add_argument(
        "--label",
        default="auto",
        help="look at this label: a characteristic, or NAME~REGEX such as title~(KO|WT)",
    )
    parser.add_argument(
        "--group",
        default="auto",
        help="characteristic that names the donor, or sample; default: what group = auto takes",
    )
    parser.add_argument(
        "--include",
        default="",
        help="filters as in datasets.tsv, such as 'tissue=Hippocampus;sex=F'",
    )
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write the description as a web page, all samples included",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--verbose", action="store_true", help="say what is downloaded")


def run(options: argparse.Namespace) -> int:
    """Describe, print, and give the exit status.

    Raises
    ------
    InputError
        No such series or file, no record, a name or filter that does not fit.
    """
    try:
        parse_include(options.include)
    except ValueError as error:
        raise InputError(
            f"--include '{error}'",
            "the command line",
            "it is not a condition",
            "write name=value or name!=value, ; between",
        ) from None
    row = Row("", "", label=options.label, group=options.group, include=options.include)
    path = Path(options.source).expanduser()
    fetched = not path.is_file()
    if fetched:
        geo = _geo(options)
        connection = Connection(geo.retries, geo.backoff_seconds, geo.timeout_seconds)
        description = describe_series(
            options.source, geo.base_url, _log(options.verbose), row, connection
        )
    else:
        description = describe_sheet(path, row)
    if options.html:
        files.write_text(options.html, page(description))
        print(f"written: {options.html}", file=sys.stderr)
    print(
        json.dumps(description.as_dict(), indent=2, ensure_ascii=False)
        if options.json
        else text(description)
    )
    return 0


def _geo(options: argparse.Namespace) -> settings_data.Geo:
    """Return the settings under `geo`: those of the config file, and the address from the command
    line."""
    geo = settings.Settings().geo
    if options.configfile:
        # The rest of the file, its data set table for one, need not be complete for a look at a
        # series.
        given = loading.validated(config_files.read(options.configfile), [options.configfile]).geo
        geo = loading.with_mirror(given, options.configfile.parent)
    return geo.model_copy(update={"base_url": options.base_url}) if options.base_url else geo


def _log(verbose: bool) -> logging.Logger:
    log = logging.getLogger("epigpt.describe")
    log.handlers = [logging.StreamHandler(sys.stderr)]
    log.setLevel(logging.INFO if verbose else logging.WARNING)
    log.propagate = False
    return log


def page(description: Description) -> str:
    """Return the description as one self-contained web page; all text of the record is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("description.html.j2").render(
        shown=description,
        pasted=table_to_paste(description.rows),
        size=size,
        fewest=FEWEST_GROUPS,
        confounding=description.confounding.to_dict("records"),
    )
