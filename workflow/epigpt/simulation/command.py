"""The command `epigpt simulate`: write a series with a planted truth."""

import argparse
from dataclasses import replace
from pathlib import Path

from epigpt.errors import InputError
from epigpt.genes.markers import SETS
from epigpt.geo.addresses import accession as checked_accession
from epigpt.simulation.design import EPILEPSY, FAMILIES, Design
from epigpt.simulation.geo_record import write_series, write_tables
from epigpt.simulation.simulate import ACCESSION, describe_design, simulate

OPTIONS = {
    "groups": "litters",
    "per_group": "mice of each litter",
    "genes": "genes of the table",
    "batches": "batches",
    "effect": "factor on the planted log2 fold changes; 0: a null series",
    "others": "changed genes outside the marker sets",
    "severity": "spread of the effect between mice",
    "group_sd": "sd of a litter's effect on a gene, log2",
    "batch_sd": "sd of a batch's effect on a gene, log2",
    "depth": "counts of a typical sample",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of `epigpt simulate`."""
    parser.add_argument(
        "--output-mirror",
        type=Path,
        metavar="FOLDER",
        help="write series/…/GSE…/{soft,suppl} there, as on GEO's server",
    )
    parser.add_argument(
        "--output-tables",
        type=Path,
        metavar="FOLDER",
        help="write counts.tsv.gz, samples.tsv and truth.tsv there",
    )
    parser.add_argument(
        "--accession",
        default=ACCESSION,
        help="made-up accession of seven digits (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="decides every number (default: %(default)s)"
    )
    parser.add_argument(
        "--sets",
        nargs="*",
        choices=tuple(SETS),
        metavar="SET",
        help=f"marker sets that the family epilepsy plants (default: all): {', '.join(SETS)}",
    )
    parser.add_argument(
        "--split-litters", action="store_true", help="put both conditions into every litter"
    )
    listed = "; ".join(f"{name}: {family.tells}" for name, family in FAMILIES.items())
    parser.add_argument(
        "--family",
        choices=tuple(FAMILIES),
        default=EPILEPSY,
        help=f"what tells the conditions apart (default: %(default)s). {listed}",
    )
    for name, text in OPTIONS.items():
        default = getattr(Design(), name)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(default),
            help=f"{text} (default: {_defaults(name)})",
        )


def _defaults(name: str) -> str:
    """Name an option's default, and those of the families that have another."""
    usual = getattr(Design(), name)
    own = {family: getattr(known.design, name) for family, known in FAMILIES.items()}
    others = [f"{family} {value:g}" for family, value in own.items() if value != usual]
    return ", ".join([f"{usual:g}", *others])


def run(options: argparse.Namespace) -> int:
    """Carry out `epigpt simulate`."""
    if options.output_mirror is None and options.output_tables is None:
        raise InputError(
            "no place to write to",
            "epigpt simulate",
            "there is nothing to do",
            "give --output-mirror or --output-tables",
        )
    given = {name: getattr(options, name) for name in OPTIONS if getattr(options, name) is not None}
    design = replace(FAMILIES[options.family].design, **given)
    if options.split_litters:
        design = replace(design, nested=False)
    if options.sets is not None:
        design = replace(design, sets=tuple(options.sets))
    series = simulate(options.seed, design, checked_accession(options.accession))
    written = []
    if options.output_mirror:
        parts = (series.counts, series.samples, series.truth)
        written += write_series(
            options.output_mirror, series.accession, *parts, design=describe_design(series)
        )
    if options.output_tables:
        written += write_tables(options.output_tables, series.counts, series.samples, series.truth)
    for path in written:
        print(path)
    return 0
