"""Configuration and what all rules share.

Purpose: read the settings and the data set table once; turn a rule into the command that starts its
stage.
Inputs: the config file (config/config.yaml beside the Snakefile unless --configfile is given), the
data set table.
Outputs: none.
"""

import gc
import inspect
import json
import os
import re
import shlex

from snakemake import __version__ as SNAKEMAKE
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import update_config

from epigpt import model_names, schema
from epigpt.config import config_files, corpus_table, dataset_table, loading
from epigpt.config.job_settings import JobSettings
from epigpt.config.repetitions import permutations, repeats
from epigpt.doctor import leftover_jobs
from epigpt.errors import InputError
from epigpt.jobs import training_job
from epigpt.jobs.command_line import Shell
from epigpt.jobs.fit_files import FitFiles, FitPlan
from epigpt.models import choice, presets, published
from epigpt.provenance import fingerprint, run_outcome, run_start
from epigpt.training import hardware, planning, strategy

# Planning makes millions of objects that stay; looking for cycles among them so often would take a
# sixth of the time.
gc.set_threshold(5_000_000, 20, 20)


def read_configuration():
    """Merge config files and --config, validate them, read the tables of data sets and corpus."""
    files = [Path(path) for path in workflow.config_settings.configfiles]
    merged = {}
    if not files:
        files = [ROOT / "config" / "config.yaml"]
        merged = config_files.read(files[0])
    update_config(merged, config)
    if "hardware" in workflow.config_settings.config:
        # Not a setting: it decides where a result is computed, not what it is.
        merged.pop("hardware", None)
    settings = loading.load(merged, files, ROOT)
    rows = dataset_table.read(Path(settings.datasets))
    series = corpus_table.read(Path(settings.corpus)) if settings.corpus else []
    return settings, {row.dataset: row for row in rows}, {row.series: row for row in series}


CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
try:
    ASKED, ROWS, CORPUS_ROWS = read_configuration()
    CORPUS = corpus_table.name(ASKED.corpus)
    NAMED = workflow.config_settings.config.get("hardware") or site("hardware", "auto")
    HARDWARE, DEVICES, LOCAL_GPUS = hardware.find(NAMED, own_torch=not CONDA)
    SETTINGS = choice.resolve(ASKED, DEVICES)
    PRESET = presets.load(SETTINGS.model)
    PAIRS = loading.transfer_pairs(SETTINGS.transfer, list(ROWS))
    HARDWARE, USED = strategy.hardware_for(SETTINGS, PRESET, HARDWARE)
    FORECAST = planning.forecast(SETTINGS, PRESET, HARDWARE)
    WEIGHTS = published.source(SETTINGS.weights, PRESET, CORPUS)
    if WEIGHTS is not None and WEIGHTS.folder is not None:
        published.check_files(WEIGHTS.folder, PRESET)
except InputError as error:
    raise WorkflowError(str(error)) from None

if workflow.is_main_process:
    if LOCAL_GPUS:
        # One job per GPU at a time; which one a job gets is settled when it starts.
        workflow.register_resource("local_gpu", LOCAL_GPUS)
    # Before anything is queued, also in a dry run.
    logger.info(f"{choice.sentence(ASKED, SETTINGS, DEVICES)} {USED} {FORECAST}".rstrip())

SITE = training_job.Site(site("gpu_gres", "gpu"), site("gpu_partition", "gpu"))
# A site whose login node has no GPU names the variant whose PyTorch is built for CUDA.
TRAINING_ENVIRONMENT = f"../envs/{site('training_environment', 'train')}.yaml"
TABLES = [name for name in schema.ASKED_FOR if PAIRS or name != "transfer.tsv"]
# On one device all fits of a data set are one job, on several each fit is.
TOGETHER = HARDWARE.nodes * HARDWARE.devices == 1
# Where a model is large, its variants and attributions are made by the same job, which has the device
# and the libraries at hand; by the preset and not by the device, so that another device leaves
# results up to date.
ALL_IN_ONE = TOGETHER and PRESET.name not in presets.ON_CPUS
TRAINING_THREADS = 1 if HARDWARE.device == "cpu" and HARDWARE.devices == 1 else 2 * HARDWARE.devices
PERMUTATIONS = permutations(SETTINGS.permutations, SETTINGS.model)
REPEATS = repeats(SETTINGS.repeats, SETTINGS.model)
BASELINES = list(dict.fromkeys([model_names.REFERENCE, *SETTINGS.baselines]))
# What decides tokens, and what decides a fit beside its tokens: for the rules that run a part of the
# pipeline again.
ENCODING_KEYS = [
    "encoding",
    "gene_selection",
    "max_genes",
    "vocabulary_genes",
    "views",
    "gene_dropout",
]
FROM_CORPUS = WEIGHTS is not None and WEIGHTS.corpus != ""
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
        # Programs are fitted on each data set; what series share is learnt over genes with values.
        "corpus_encoding": SETTINGS.encoding.replace("program-tokens", "gene-values"),
    },
    CORPUS_ROWS,
)


wildcard_constraints:
    dataset="|".join(ROWS),
    tested="|".join(ROWS),
    repository="none" if WEIGHTS is None else re.escape(WEIGHTS.slug or "none"),
    preset=PRESET.name,
    corpus=CORPUS or "none",
    series="|".join(CORPUS_ROWS) or "none",
    fit="repeat[0-9]+/fold[0-9]+|final",
    baseline="|".join(BASELINES),
    variant="|".join(model_names.VARIANTS),
    redrawn="|".join([model_names.FINETUNED, *model_names.VARIANTS]),
    repeat="[0-9]+",
    first="[0-9]+",
    last="[0-9]+",


FURTHER = {}
# Where pretrained weights lie, which decides no result; the key `weights` reaches the stages as what
# they are.
if WEIGHTS is not None:
    WEIGHTS_FOLDER = WEIGHTS.folder or Path(f"results/weights/{WEIGHTS.slug}")
    if FROM_CORPUS:
        WEIGHTS_FOLDER = Path(f"results/corpus/{CORPUS}/{PRESET.name}")
    FURTHER[published.VARIABLE] = str(WEIGHTS_FOLDER)
SHELL = Shell("python" if CONDA else shlex.quote(sys.executable), ROOT / "workflow", FURTHER)

# Jobs of this machine that need no GPU are forked from a process that has imported everything already.
# In other environments than Snakemake's, in jobs of a scheduler and with large models, beside which
# imports are nothing, each starts by itself.
WARM = (
    workflow.is_main_process
    and not CONDA
    and HARDWARE.device == "cpu"
    and PRESET.name in presets.ON_CPUS
    and os.environ.get("EPIGPT_WARM") != "0"
)


def signed(function):
    """Keep a function's signature with it: Snakemake asks for it several times in every job, which
    takes longer than the call."""
    function.__signature__ = inspect.signature(function)
    return function


def stage(name, *keys, unwatched=(), launch=None, everything=False):
    """Return the params of a rule: the code of its stage, the settings it reads, and its command.

    The command hands over every named input, every named output and every wildcard under its own
    name: `input: counts=…` arrives as `--counts …`. A change of code or of `keys` reruns the rule;
    one of `unwatched` keys, which decide how a job goes about its work and not what it makes, does
    not: Snakemake leaves out of its comparison what depends on inputs, outputs, threads or
    resources. `launch` starts the stage where it is more than one process.
    """

    @signed
    def settings(wildcards):
        if everything:
            return JOB_SETTINGS.everything(wildcards)
        return JOB_SETTINGS.chosen(keys, wildcards)

    @signed
    def command(wildcards, input, output, threads, resources):
        start = launch(name, resources, threads) if launch else SHELL.start(name, threads)
        named = [*input.items(), *output.items(), *wildcards.items()]
        given = [settings(wildcards)]
        if unwatched:
            given.append(JOB_SETTINGS.chosen(unwatched, wildcards))
        return SHELL.command(name, named, given, start, warm=WARM and workflow.local_exec)

    code = fingerprint.by_folder(name, versions=not CONDA)
    return {"command": command, "settings": settings} | {
        f"code_{number}": part for number, part in enumerate(code)
    }


def snakemake_version(wildcards, resources):
    """Return Snakemake's version, which provenance records; since it asks for resources, another
    one is no reason to run again."""
    return SNAKEMAKE
