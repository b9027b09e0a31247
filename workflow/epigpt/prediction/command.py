"""Score new samples with a finished model."""

import argparse
import sys
from pathlib import Path

from epigpt import files
from epigpt.errors import InputError
from epigpt.genes.annotation import ORGANISMS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "model",
        metavar="MODEL_DIR",
        type=Path,
        help="folder of a finished model, results/DATASET/models/PRESET/final",
    )
    parser.add_argument(
        "samples",
        metavar="SAMPLES",
        type=Path,
        help=".h5ad file or counts table, genes × samples or the reverse",
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="TSV to write: sample, class, probability, distance, note (default: to the screen)",
    )
    parser.add_argument(
        "--organism",
        default="auto",
        choices=["auto", *ORGANISMS],
        help="species of the samples (default: found out)",
    )
    parser.add_argument(
        "--min-matched",
        type=_share,
        default=0.5,
        help="least share of the model's genes among the samples' (default: %(default)s)",
    )
    parser.add_argument(
        "--allow-values",
        action="append",
        default=[],
        metavar="KIND",
        help="accept tpm, cpm, fpkm, log or intensity beside counts",
    )
    parser.add_argument(
        "--allow-distant",
        action="store_true",
        help="score samples that lie far beyond the model's own series",
    )


def run(options: argparse.Namespace) -> int:
    """Read model and samples, print what was matched, write the table."""
    # After the arguments are known to be sound: torch and transformers take seconds.
    from epigpt.prediction import finished_model, gene_matching, new_samples

    model = finished_model.load(options.model)
    samples = new_samples.read(
        options.samples, model.vocabulary, options.organism, frozenset(options.allow_values)
    )
    if samples.counts.shape[0] == 0:
        raise InputError(
            "no samples", str(options.samples), "there is nothing to score", "check the file"
        )
    samples, said = gene_matching.matched(samples, model.vocabulary, options.min_matched)
    print(said, file=sys.stderr)
    cells = len(samples.index)
    samples = model.as_fitted(samples)
    if len(samples.index) < cells:
        print(f"{cells:,} cells summed over {len(samples.index):,} samples", file=sys.stderr)
    print(model.home.in_words(), file=sys.stderr)
    if not (options.model / files.CHECKSUMS).is_file():
        print(
            f"The model has no {files.CHECKSUMS}: whether its files are those that training wrote"
            " is not known here.",
            file=sys.stderr,
        )
    distances = model.distances(samples)
    if not options.allow_distant:
        model.home.refuse_distant(
            distances, str(options.samples), "check tissue and units, or accept it: --allow-distant"
        )
    judged = model.home.judged(distances)
    scored = model.score(samples).merge(judged, left_on="sample", right_index=True, how="left")
    if options.output is None:
        scored.to_csv(sys.stdout, sep="\t", index=False, float_format="%.6g", lineterminator="\n")
    else:
        files.write_tsv(options.output, scored)
        print(f"{scored['sample'].nunique():,} samples scored: {options.output}", file=sys.stderr)
    return 0


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("a share lies between 0 and 1")
    return share
