"""The `epigpt` command: what can be asked before, beside and after a run of the workflow."""

import argparse
import importlib
import os
import sys

from epigpt import __version__
from epigpt.errors import InputError

# Set by the completion of a shell, as `register-python-argcomplete epigpt` makes it.
_COMPLETING = "_ARGCOMPLETE"
# Command: the module with `add_arguments` and `run`. Imported when asked for, since some of them
# import torch.
COMMANDS = {
    "start": (
        "epigpt.start.command",
        "from an accession, an .h5ad file or a table to its report: choose, see the cost, run",
    ),
    "describe": (
        "epigpt.describe.command",
        (
            "what is in a GEO series: files, samples, characteristics, candidate labels, a row to"
            " paste"
        ),
    ),
    "plan": (
        "epigpt.training.plan_command",
        "memory, batch, ZeRO stage, steps, time and disk of a model on a hardware",
    ),
    "predict": ("epigpt.prediction.command", "score new samples with a finished model"),
    "doctor": ("epigpt.doctor.command", "is this machine or cluster ready; submits nothing"),
    "verify": ("epigpt.provenance.verify_command", "are the results what their jobs wrote"),
    "simulate": (
        "epigpt.simulation.command",
        "write a series with a planted truth, laid out as on GEO's server",
    ),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command and give its exit status; a `InputError` becomes its one message on standard
    error, status 1, and Ctrl-C one word, while a command's libraries are imported, too."""
    try:
        return _run(arguments)
    except InputError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of a pipe (`epigpt describe … | head`) has seen enough.
        sys.stderr.close()
        return 0


def _run(arguments: list[str] | None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    completing = _COMPLETING in os.environ
    if completing:  # a shell asks which words could come next, and hands over the line so far
        given = os.environ.get("COMP_LINE", "").split()[1:]
    parser = argparse.ArgumentParser(prog="epigpt", description=__doc__)
    parser.add_argument("--version", action="version", version=f"epigpt {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    named = next((word for word in given if word in COMMANDS), None)
    for name, (module, purpose) in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, description=purpose)
        if name == named:
            importlib.import_module(module).add_arguments(command)
    if completing:
        import argcomplete

        argcomplete.autocomplete(parser)
    options = parser.parse_args(given)
    return int(importlib.import_module(COMMANDS[options.command][0]).run(options) or 0)


if __name__ == "__main__":
    sys.exit(main())
