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
from epigpt.config import config_files
from epigpt.doctor import leftover_jobs
from epigpt.errors import InputError
from epigpt.jobs import run_plan, training_job
from epigpt.jobs.command_line import Shell
from epigpt.jobs.fit_files import FitFiles, FitPlan
from epigpt.models import presets, published
from epigpt.provenance import fingerprint, run_outcome, run_start

# Planning makes millions of objects that stay; looking for cycles among them so often would take a
# sixth of the time.
gc.set_threshold(5_000_000, 20, 20)


CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method


def decide_run():
    """Merge config files and --config, validate them, decide what the run is."""
    files = [Path(path) for path in workflow.config_settings.configfiles]
    merged = {}
    if not files:
        files = [ROOT / "config" / "config.yaml"]
        merged = config_files.read(files[0])
    update_config(merged, config)
    named = workflow.config_settings.config.get("hardware")
    if named is not None:
        # Not a setting: it decides where a result is computed, not what it is.
        merged.pop("hardware", None)
    return run_plan.decide(merged, files, ROOT, named or site("hardware", "auto"), not CONDA)


try:
    RUN = decide_run()
except InputError as error:
    raise WorkflowError(str(error)) from None
SETTINGS, PRESET, HARDWARE = RUN.settings, RUN.preset, RUN.hardware
ROWS, CORPUS, CORPUS_ROWS, PAIRS = RUN.rows, RUN.corpus, RUN.series, RUN.pairs
PERMUTATIONS, REPEATS = RUN.permutations, RUN.repeats

if workflow.is_main_process:
    if RUN.local_gpus:
        # One job per GPU at a time; which one a job gets is settled when it starts.
        workflow.register_resource("local_gpu", RUN.local_gpus)
    # Before anything is queued, also in a dry run.
    logger.info(RUN.announcement)

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
    "shared_programs",
]
TRAINING_KEYS = ["preset", "epochs", "learning_rate", "global_batch_size", "precision"]
TRAINING_KEYS += ["tuning", "early_stopping", "weights", "adapt", "seed"]
JOB_SETTINGS = RUN.job_settings()


wildcard_constraints:
    dataset="|".join(ROWS),
    tested="|".join(ROWS),
    repository=re.escape((RUN.fetched and RUN.fetched.slug) or "none"),
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


# Where pretrained weights lie, which decides no result; the key `weights` reaches the stages as what
# they are.
WEIGHTS_FOLDER = RUN.weights_folder
SHELL = Shell(
    "python" if CONDA else shlex.quote(sys.executable),
    ROOT / "workflow",
    {published.VARIABLE: str(WEIGHTS_FOLDER)} if WEIGHTS_FOLDER else {},
)

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
