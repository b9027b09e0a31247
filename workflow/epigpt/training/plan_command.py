"""`epigpt plan`: what a training needs, before anything is queued."""

import argparse
import json
from dataclasses import asdict
from typing import get_args

from epigpt.config import repetitions
from epigpt.config.settings import Settings
from epigpt.models import choice, presets
from epigpt.training import cells_cost, corpus_cost, dataset_cost, plan, planning
from epigpt.training.memory_model import GB

DEFAULTS = Settings()
ENCODINGS = get_args(Settings.model_fields["encoding"].annotation)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare model, hardware and data; the defaults are those of the configuration."""
    parser.add_argument(
        "--model",
        default=DEFAULTS.model,
        help=(
            f"model preset: {', '.join(presets.names('models'))}, or a shape such as gpt2-6x768"
            " (default: %(default)s)"
        ),
    )
    parser.add_argument(
        "--weights",
        default=DEFAULTS.weights,
        help="as the key weights; of a folder the model is planned too (default: %(default)s)",
    )
    parser.add_argument(
        "--hardware", default="cpu", help=f"hardware preset: {', '.join(presets.names('hardware'))}"
    )
    parser.add_argument(
        "--dataset-size",
        type=_positive,
        default=100,
        metavar="N",
        help="training samples or cells (default: %(default)s)",
    )
    parser.add_argument(
        "--cells",
        type=_positive,
        metavar="N",
        help="single cells of the whole data set, instead of --dataset-size",
    )
    parser.add_argument(
        "--donors",
        type=_positive,
        metavar="N",
        default=10,
        help="donors of the cells, times their classes if they hold several (default: %(default)s)",
    )
    parser.add_argument(
        "--views",
        type=_positive,
        help=(
            "views of each (default:"
            f" {repetitions.views(DEFAULTS.views)}, of single cells"
            f" {repetitions.views(DEFAULTS.views, 'single_cell')})"
        ),
    )
    parser.add_argument(
        "--encoding",
        choices=ENCODINGS,
        default=DEFAULTS.encoding,
        help="what a token is (default: %(default)s)",
    )
    parser.add_argument(
        "--seq",
        type=_positive,
        help="tokens per sequence (default: as many as the encoding makes of max_genes)",
    )
    parser.add_argument(
        "--vocabulary",
        type=_positive,
        help="tokens that the model knows (default: as many as the encoding has at most)",
    )
    parser.add_argument("--classes", type=_positive, default=2)
    parser.add_argument(
        "--epochs", type=_positive, help="passes over the views (default: as the key epochs)"
    )
    parser.add_argument(
        "--batch",
        type=_positive,
        default=DEFAULTS.global_batch_size,
        help="global batch size (default: %(default)s)",
    )
    parser.add_argument("--precision", choices=["auto", "fp32", "bf16"], default=DEFAULTS.precision)
    parser.add_argument(
        "--tuning", choices=["auto", "full", "lora", "frozen"], default=DEFAULTS.tuning
    )
    parser.add_argument(
        "--folds",
        type=_positive,
        default=DEFAULTS.folds,
        help="fits beside the final one (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.add_argument(
        "--corpus",
        action="store_true",
        help=(
            "what pretraining on 10,000 to 1,000,000 samples takes on 1, 8 and 32 H100 instead; the"
            " model is gpt2-xl unless --model names another"
        ),
    )


def _positive(text: str) -> int:
    number = int(text.replace(",", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def run(options: argparse.Namespace) -> int:
    """Print the plan; an `InputError` says what would make it fit."""
    if options.corpus:
        model = "gpt2-xl" if options.model == choice.AUTO else options.model
        costs = corpus_cost.table(model)
        print(
            json.dumps([asdict(one) for one in costs], indent=2)
            if options.json
            else corpus_cost.text(costs, model)
        )
        return 0
    assay, samples, cells = "bulk", options.dataset_size, None
    if options.cells:
        assay = "single_cell"
        cells = cells_cost.of(options.cells, options.donors, DEFAULTS.cells_per_donor)
        samples = max(1, round(cells.drawn * (options.folds - 1) / options.folds))
    views = options.views or repetitions.views(DEFAULTS.views, assay)
    found = planning.planned(
        options.model,
        options.hardware,
        samples=samples,
        views=views,
        length=options.seq,
        vocabulary=options.vocabulary,
        classes=options.classes,
        epochs=options.epochs or DEFAULTS.epochs,
        global_batch_size=options.batch,
        precision=options.precision,
        tuning=options.tuning,
        encoding=options.encoding,
        weights=options.weights,
        assay=assay,
    )
    if options.json:
        beside = {} if cells is None else {"cells": asdict(cells)}
        print(json.dumps(found.plan.as_dict() | beside, indent=2))
        return 0
    print(text(found.plan, found.work, found.hardware, views, options.folds))
    if cells is not None:
        print(f"{'cells':<12}{cells.sentence()}")
    return 0


def text(
    made: plan.Plan,
    work: plan.Workload,
    hardware: presets.HardwarePreset,
    views: int,
    folds: int,
) -> str:
    """Lay the plan out for reading, a line per figure."""
    base = presets.load(made.model).parameters(work.vocabulary)
    devices = f"{hardware.nodes} × {hardware.devices} {hardware.device}"
    lines = [
        (
            "model",
            (
                f"{made.model}, {base:,} parameters with {work.vocabulary:,} tokens, and"
                f" {made.parameters - base:,} of the classifier's head"
            ),
        ),
        ("hardware", f"{made.hardware}: {devices}, {_gb(made.bytes['available'])} each"),
        ("trained", f"{made.trained:,} parameters ({100 * made.trained / made.parameters:.3g} %)"),
        *(
            (name, _gb(amount))
            for name, amount in made.bytes.items()
            if name not in ("total", "available")
        ),
        ("memory", f"{_gb(made.bytes['total'])} of {_gb(made.bytes['available'])} per device"),
        (
            "batch",
            (
                f"{made.global_batch_size} = {made.micro_batch_size} × {made.accumulation}"
                f" accumulated × {made.world_size} devices"
            ),
        ),
        ("zero stage", str(made.zero_stage)),
        *(("why", reason) for reason in made.why),
        (
            "steps",
            (
                f"{made.steps:,} ({work.epochs} passes over {work.examples:,} views of"
                f" {work.length} tokens)"
            ),
        ),
        ("time", f"{dataset_cost.duration(3600 * made.hours)} of steps per fit"),
        ("data set", _whole(made, work, hardware, views, folds)),
        (
            "disk",
            (
                f"{_gb(made.disk_bytes)} per fit in progress (checkpoints and weights),"
                f" {_gb(4 * made.parameters)} when finished"
            ),
        ),
    ]
    return "\n".join(f"{name:<12}{content}" for name, content in lines)


def _whole(
    made: plan.Plan,
    work: plan.Workload,
    hardware: presets.HardwarePreset,
    views: int,
    folds: int,
) -> str:
    """Return what the data set costs as a whole, with variants, attributions and permutations as
    the settings have them by default. A fold trains on all of its samples but one in `folds`."""
    settings = DEFAULTS.model_copy(update={"model": made.model, "views": views})
    samples = round(work.examples / views * folds / max(1, folds - 1))
    scope = planning.scope_of(settings, samples, folds, together=made.world_size == 1)
    cost = dataset_cost.of_dataset(made, hardware.device, scope)
    said = f"of {samples:,} samples takes {cost.sentence()}"
    advice = cost.advice(work.epochs)
    return f"{said}. {advice}" if advice else said


def _gb(amount: int) -> str:
    return f"{amount / GB:.2f} GB" if amount >= GB / 10 else f"{amount / 1e6:.1f} MB"
