"""Configuration and what all rules share.

Purpose: read the settings and the data set table once; turn a rule into the command that starts its stage.
Inputs: the config file (config/config.yaml beside the Snakefile unless --configfile is given), the data set table.
Outputs: none.
"""

import gc
import inspect
import itertools
import json
import re
import shlex
from types import SimpleNamespace

from snakemake import __version__ as SNAKEMAKE
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import update_config

from epigpt import model_names, schema
from epigpt.config import dataset_table, loading
from epigpt.config.job_settings import JobSettings
from epigpt.config.settings import permutations, repeats
from epigpt.doctor import leftover_jobs
from epigpt.errors import InputError
from epigpt.models import choice, presets, published
from epigpt.provenance import fingerprint, parent_watch, run_outcome, run_start
from epigpt.training import gpus, strategy

# Planning makes millions of objects that stay; looking for cycles among them so often would take a sixth of the time.
gc.set_threshold(5_000_000, 20, 20)


def read_configuration():
    """Merge config files and --config, validate them, read the data set table."""
    files = [Path(path) for path in workflow.config_settings.configfiles]
    merged = {}
    if not files:
        files = [ROOT / "config" / "config.yaml"]
        merged = loading.read(files[0])
    update_config(merged, config)
    if "hardware" in workflow.config_settings.config:
        # Not a setting: it decides where a result is computed, not what it is.
        merged.pop("hardware", None)
    settings = loading.load(merged, files, ROOT)
    rows = dataset_table.read(Path(settings.datasets))
    return settings, {row.dataset: row for row in rows}


CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
try:
    ASKED, ROWS = read_configuration()
    HARDWARE, DEVICES = read_hardware(own_torch=not CONDA)
    SETTINGS = choice.resolve(ASKED, DEVICES)
    PRESET = presets.load(SETTINGS.model)
    PAIRS = loading.transfer_pairs(SETTINGS.transfer, list(ROWS))
    HARDWARE, USED = strategy.hardware_for(SETTINGS, PRESET, HARDWARE)
    WEIGHTS = published.source(SETTINGS.weights, PRESET)
    if WEIGHTS is not None and WEIGHTS.folder is not None:
        published.check_files(WEIGHTS.folder, PRESET)
except InputError as error:
    raise WorkflowError(str(error)) from None

if workflow.is_main_process:
    # Before anything is queued, also in a dry run.
    logger.info(f"{choice.sentence(ASKED, SETTINGS, DEVICES)} {USED}")

# A site whose login node has no GPU names the variant whose PyTorch is built for CUDA.
TRAINING_ENVIRONMENT = f"../envs/{site('training_environment', 'train')}.yaml"
TABLES = [name for name in schema.ASKED_FOR if PAIRS or name != "transfer.tsv"]
# On one device all fits of a data set are one job, on several each fit is.
TOGETHER = HARDWARE.nodes * HARDWARE.devices == 1
# Where a model is large, its variants and attributions are made by the same job, which has the device and the libraries at hand; by the
# preset and not by the device, so that another device leaves results up to date.
ALL_IN_ONE = TOGETHER and PRESET.name not in strategy.ON_CPUS
TRAINING_THREADS = 1 if HARDWARE.device == "cpu" and HARDWARE.devices == 1 else 2 * HARDWARE.devices
PERMUTATIONS = permutations(SETTINGS.permutations, SETTINGS.model)
PERMUTATIONS_PER_JOB = 5
# Permutations after which the others are run only if fewer than five of these do as well as the true labels.
FIRST_LOOK = 20
REPEATS = repeats(SETTINGS.repeats, SETTINGS.model)
BASELINES = list(dict.fromkeys([model_names.REFERENCE, *SETTINGS.baselines]))
# What decides tokens, and what decides a fit beside its tokens: for the rules that run a part of the pipeline again.
ENCODING_KEYS = [
    "encoding",
    "gene_selection",
    "max_genes",
    "vocabulary_genes",
    "views",
    "gene_dropout",
]
TRAINING_KEYS = ["preset", "epochs", "learning_rate", "global_batch_size", "precision"]
TRAINING_KEYS += ["tuning", "early_stopping", "weights", "adapt", "seed"]
JOB_SETTINGS = JobSettings(
    SETTINGS,
    ROWS,
    {
        # What the preset's file describes; its weights are a key of their own.
        "preset": PRESET.architecture,
        "weights": "none" if WEIGHTS is None else WEIGHTS.identity,
        "repeats": REPEATS["all"],
        "repeats.own": REPEATS["own"],
        **{f"permutations.{kind}": number for kind, number in PERMUTATIONS.items()},
    },
)


wildcard_constraints:
    dataset="|".join(ROWS),
    tested="|".join(ROWS),
    repository="none" if WEIGHTS is None else re.escape(WEIGHTS.slug or "none"),
    preset=PRESET.name,
    fit="repeat[0-9]+/fold[0-9]+|final",
    baseline="|".join(BASELINES),
    variant="|".join(model_names.VARIANTS),
    redrawn="|".join([model_names.FINETUNED, *model_names.VARIANTS]),
    repeat="[0-9]+",
    first="[0-9]+",
    last="[0-9]+",


PYTHON = "python" if CONDA else shlex.quote(sys.executable)
ENVIRONMENT = {
    "PYTHONPATH": str(ROOT / "workflow"),
    # A module of the working directory, such as its own csv.py, is never taken for ours or Python's.
    "PYTHONSAFEPATH": "1",
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "Agg",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
}
# Where pretrained weights lie, which decides no result; the key `weights` reaches the stages as what they are.
if WEIGHTS is not None:
    WEIGHTS_FOLDER = WEIGHTS.folder or Path(f"results/weights/{WEIGHTS.slug}")
    ENVIRONMENT[published.VARIABLE] = str(WEIGHTS_FOLDER)


def stage(name, *keys, unwatched=(), launch=None, everything=False):
    """Return the params of a rule: the code of its stage, the settings it reads, and its command.

    The command hands over every named input, every named output and every wildcard under its own name: `input: counts=…` arrives as
    `--counts …`. A change of code or of `keys` reruns the rule; one of `unwatched` keys, which decide how a job goes about its work and
    not what it makes, does not: Snakemake leaves out of its comparison what depends on inputs, outputs, threads or resources. `launch`
    starts the stage where it is more than one process.
    """

    @signed
    def settings(wildcards):
        return (
            JOB_SETTINGS.everything(wildcards)
            if everything
            else JOB_SETTINGS.chosen(keys, wildcards)
        )

    @signed
    def command(wildcards, input, output, threads, resources):
        online = ["HF_HUB_OFFLINE"] if name == "weights" else []
        words = [
            f"{key}={shlex.quote(value)}" for key, value in ENVIRONMENT.items() if key not in online
        ]
        words.append(parent_watch.IN_SHELL)
        words.append(
            launch(name, resources, threads)
            if launch
            else f"{PYTHON} -m epigpt.stages.{name} --threads {threads}"
        )
        named = [*input.items(), *output.items(), *wildcards.items()]
        if len({flag for flag, _ in named}) < len(named):
            raise WorkflowError(f"stage {name}: an input, an output or a wildcard share a name")
        for flag, value in named:
            values = [value] if isinstance(value, str) else value
            words.append(" ".join([f"--{flag}", *(shlex.quote(str(part)) for part in values)]))
        given = [
            settings(wildcards),
            *([JOB_SETTINGS.chosen(unwatched, wildcards)] if unwatched else []),
        ]
        return " ".join([*words, "--settings", *map(shlex.quote, given)])

    code = fingerprint.by_folder(name, versions=not CONDA)
    return {"command": command, "settings": settings} | {
        f"code_{number}": part for number, part in enumerate(code)
    }


def snakemake_version(wildcards, resources):
    """Return Snakemake's version, which provenance records; since it asks for resources, another one is no reason to run again."""
    return SNAKEMAKE


def signed(function):
    """Keep a function's signature with it: Snakemake asks for it several times in every job, which takes longer than the call."""
    function.__signature__ = inspect.signature(function)
    return function
