"""`epigpt start`: from a source to its report with one command."""

import argparse
import logging
import math
import os
import shlex
import sys
from pathlib import Path

from epigpt.config import loading
from epigpt.config.dataset_row import ACCESSION
from epigpt.doctor import profile
from epigpt.doctor.finding import Finding
from epigpt.errors import InputError
from epigpt.models.choice import Devices
from epigpt.samples.classes import FEWEST_GROUPS
from epigpt.samples.label_candidates import Candidate
from epigpt.start import arguments, configuration, cost
from epigpt.start import run as workflow
from epigpt.start.configuration import Configuration
from epigpt.start.cost import RunCost
from epigpt.start.screen import in_words
from epigpt.start.source import CELLS_OF_A_SAMPLE, Source, look
from epigpt.training import hardware
from epigpt.training.plan import GB

# What a training gets of this machine, where it has GPUs.
ONE_GPU = "h100x1"
_MOST_LABELS = 9
_MOST_CHARACTERS = 150
_YES = ("y", "yes")
_PURPOSES = {"comparison": "variants", "redraw": "further draws", "null": "permutations"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the source, what is decided already, and where to run."""
    arguments.add(parser)


def run(options: argparse.Namespace) -> int:
    """Describe, choose, say what it costs, write, run; return the exit status.

    Raises
    ------
    InputError
        A source that cannot be used, a model too large for the hardware, too little disk; nothing
        has been downloaded or written then.
    """
    arguments.refuse_unusable(options)
    directory = options.directory.expanduser().resolve()
    planned, source = _planned(options, directory)
    hardware, devices = _hardware(options)
    settings = configuration.settings_of(planned)
    looked = source or _looked_again(planned)
    size, cells = (looked.observations, looked.downloads), looked.samples_of_cells
    told = cost.of_run(settings, hardware, devices, *size, samples_of_cells=cells)
    cost.refuse_lack_of_disk(told, directory, planned.row.dataset)
    print(costs_in_words(told, looked), flush=True)
    if not options.yes and not _agreed(planned):
        return 0
    written = planned.written()
    print(f"\nConfiguration: {written.config}, {written.table}\n", flush=True)
    began = workflow.now()
    status, said = workflow.snakemake(directory, written.config, _arguments(options), told.seconds)
    end = workflow.outcome(
        directory, written.row.dataset, status, began=began, said=said, again=_again()
    )
    print(f"\n{end}")
    if status not in (0, workflow.STOPPED):
        print(f"All that the jobs said: {said}")
    return status if status >= 0 else workflow.STOPPED


def _planned(options: argparse.Namespace, directory: Path) -> tuple[Configuration, Source | None]:
    """Return the configuration of the run: that of an earlier start, or a new one with its source,
    which has been looked at."""
    name = options.name or (options.source.upper() if ACCESSION.fullmatch(options.source) else "")
    if name and (directory / configuration.FOLDER / f"{name}.yaml").is_file():
        path = directory / configuration.FOLDER / f"{name}.yaml"
        found = configuration.existing(path, name)
        arguments.refuse_other(options, found)
        print(f"Taken up: {path}, with label '{found.row.label}', group '{found.row.group}'.\n")
        return found, None
    keys = arguments.keys(options)
    geo = loading.with_mirror(
        loading.validated({key: keys[key] for key in keys if key == "geo"}).geo, Path.cwd()
    )
    source = look(options.source, arguments.given(options), geo, _log())
    print(description_in_words(source), flush=True)
    if not options.yes and sys.stdin.isatty():
        source = _chosen(source) if options.label == "auto" else source
        source = _grouped(source)
    planned = configuration.of_run(directory, source.row, keys)
    if planned.config.is_file():
        planned = configuration.existing(planned.config, source.row.dataset)
        arguments.refuse_other(options, planned)
        print(f"Taken up: {planned.config}")
    print(f"\nLabel '{planned.row.label}', donors by '{planned.row.group}'.", flush=True)
    print(_small_classes(source), end="", flush=True)
    return planned, source


def _small_classes(source: Source) -> str:
    """Say before the run where classes of the label are too small for any model to be tested."""
    row = source.row
    label = next((one for one in source.candidates if one.label == row.label), None)
    small = [] if label is None or row.case or row.control else label.too_small
    if label is None or not small:
        return ""
    named = ", ".join(f"'{name}'" for name in small)
    told = f"Note: {named}: fewer than {FEWEST_GROUPS} donors, so no model can be tested"
    if len(label.assessable) < 2:
        return f"{told}; the series will be described.\n"
    include = ";".join(filter(None, [row.include, f"{row.label}!={'|'.join(small)}"]))
    return f"{told} with these classes. To leave them out: --include {shlex.quote(include)}\n"


def _hardware(options: argparse.Namespace) -> tuple[str, Devices]:
    """Return the preset that trainings get: as asked for, as the profile says, or this machine."""
    named = options.hardware
    if options.profile and not named:
        of_profile = _profile(options)[1].get("hardware", "auto")
        named = "" if of_profile == "auto" else of_profile
    preset, devices, gpus_here = hardware.find(named or hardware.AUTO, own_torch=True)
    return (ONE_GPU if gpus_here else preset.name), devices


def _profile(options: argparse.Namespace) -> tuple[Path, dict[str, str]]:
    """Return the folder of the profile, and the resources that it sets for all rules."""
    folder = profile.find(Path(options.profile)).resolve()
    content = profile.read(folder)
    if isinstance(content, Finding):
        raise InputError(content.found, "--profile", "it is not a profile", content.remedy)
    return folder, dict(reversed(profile.resources(content)))


def _looked_again(planned: Configuration) -> Source:
    """Look at the source of an earlier start, whose size decides what the run costs."""
    return look(
        planned.row.source,
        planned.row,
        loading.with_mirror(configuration.settings_of(planned).geo, planned.config.parent),
        _log(),
    )


def _arguments(options: argparse.Namespace) -> list[str]:
    passed = ["--profile", str(_profile(options)[0])] if options.profile else []
    if options.cores or not options.profile:
        passed += ["--cores", options.cores or "all"]
    if options.hardware:
        passed += ["--config", f"hardware={options.hardware}"]
    return passed


def _log() -> logging.Logger:
    log = logging.getLogger("epigpt.start")
    log.handlers = [logging.StreamHandler(sys.stderr)]
    log.setLevel(logging.WARNING)
    log.propagate = False
    return log


def description_in_words(source: Source) -> str:
    """Return what the source is, its possible labels, the donor that is taken, and open notes."""
    shown = source.description
    lines = [f"{shown.source}  {shown.title}".strip()]
    facts = [f"{name}: {text}" for name, text in shown.facts.items()]
    lines += [f"  {_shortened(fact)}" for fact in facts]
    lines += ["", "Possible labels, the best first:"]
    for number, one in enumerate(source.candidates[:_MOST_LABELS], 1):
        lines.append(f"  {number}  {_shortened(one.in_words)}")
    if not source.candidates:
        lines.append("  none: the series will be described, and no model is trained")
    donors = "every sample its own" if shown.group == "sample" else f"by '{shown.group}'"
    lines.append(f"Donors: {donors}.")
    lines += [f"Note: {note}" for note in shown.notes]
    if shown.group_to_consider:
        lines.append(f"To keep these together: --group {shlex.quote(shown.group_to_consider)}")
    return "\n".join(lines)


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1].rstrip() + "…"


def _size_in_words(looked: Source) -> str:
    if not looked.counted:
        return f"cells not counted yet: figures are for {CELLS_OF_A_SAMPLE} a sample"
    if cells := looked.samples_of_cells:
        return f"{looked.observations:,} cells of {cells} samples"
    return f"{looked.observations:,} samples"


def _download_in_words(looked: Source) -> str:
    if not ACCESSION.fullmatch(looked.row.source):
        return "nothing to download"
    if looked.downloads is None:
        return "download of unknown size"
    return f"download {looked.downloads / 1e6:.1f} MB"


def costs_in_words(told: RunCost, looked: Source) -> str:
    """Return what the run takes, a line per figure."""
    by_purpose = sorted(told.seconds.items(), key=lambda part: -part[1])
    parts = ", ".join(
        f"{_PURPOSES.get(rule, rule)} {in_words(seconds)}"
        for rule, seconds in by_purpose
        if seconds
    )
    cores = os.cpu_count() or 1
    return "\n".join(
        [
            told.why,
            f"data      {_size_in_words(looked)}; {_download_in_words(looked)}",
            f"jobs      at most {told.jobs}",
            f"time      about {in_words(3600 * told.hours)}, one job after the other ({parts});"
            f" {cores} cores here",
            f"memory    {told.memory / GB:.1f} GB for the largest job",
            f"disk      at most {math.ceil(told.disk / 1e8) / 10:.1f} GB",
            *([f"warning   {told.advice}"] if told.advice else []),
        ]
    )


def _chosen(source: Source) -> Source:
    """Ask which label is meant; Return takes the first."""
    offered: list[Candidate] = source.candidates[:_MOST_LABELS]
    if len(offered) < 2:
        return source
    while True:
        answer = _answer(f"Which label? [1-{len(offered)}, Return for 1] ") or "1"
        if answer.isdigit() and 1 <= int(answer) <= len(offered):
            return source.with_label(offered[int(answer) - 1])


def _grouped(source: Source) -> Source:
    """Ask whether samples that seem to share donors do; Return leaves every sample its own."""
    group = source.description.group_to_consider
    if group and _answer(f"Is each value of '{group}' one donor? [y/N] ").lower() in _YES:
        return source.with_group(group)
    return source


def _agreed(planned: Configuration) -> bool:
    if not sys.stdin.isatty():
        print(f"\nNothing was written. With --yes this writes {planned.config} and runs it.")
        return False
    return _answer("\nRun it? [y/N] ").lower() in _YES


def _answer(question: str) -> str:
    try:
        return input(question).strip()
    except EOFError:  # Ctrl-D: what Return means
        return ""


def _again() -> str:
    words = ["epigpt", *sys.argv[1:]]
    return shlex.join(words if "--yes" in words else [*words, "--yes"])
