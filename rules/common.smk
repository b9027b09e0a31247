"""Configuration and what all rules share.

Purpose: read settings and tables once; turn a rule into the command that starts its stage.
Inputs: the config file (config/config.yaml unless --configfile is given), the data set table.
Outputs: none.
"""

import gc
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
from epigpt.jobs import run_plan, scheduler_rounds, training_job
from epigpt.jobs.command_line import Shell
from epigpt.jobs.fit_files import FitFiles
from epigpt.jobs.stage_params import StageParams, signed
from epigpt.models import published
from epigpt.provenance import run_outcome, run_start

# Looking for cycles among the millions of objects of a plan would take a sixth of its time.
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
    try:
        return run_plan.decide(merged, files, ROOT, named or site("hardware", "auto"), not CONDA)
    except InputError as error:
        raise WorkflowError(str(error)) from None


RUN = decide_run()
SETTINGS, PRESET, HARDWARE = RUN.settings, RUN.preset, RUN.hardware
ROWS, CORPUS, CORPUS_ROWS, PAIRS = RUN.rows, RUN.corpus, RUN.series, RUN.pairs

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
LONGEST_PATH = 1  # encoding, training, attributions: the rest can wait for them
TOGETHER, ALL_IN_ONE, TRAINING_THREADS = RUN.together, RUN.all_in_one, RUN.training_threads
BASELINES = list(dict.fromkeys([model_names.REFERENCE, *SETTINGS.baselines]))
# What decides tokens, and a fit beside them: for the rules that run a part of the pipeline again.
ENCODING_KEYS = ["encoding", "gene_selection", "max_genes", "vocabulary_genes", "views"]
ENCODING_KEYS += ["gene_dropout", "shared_programs"]
TRAINING_KEYS = ["preset", "epochs", "learning_rate", "global_batch_size", "precision"]
TRAINING_KEYS += ["tuning", "early_stopping", "weights", "adapt", "seed"]
QUALITY_KEYS = ["quality.min_counts", "quality.min_genes", "quality.max_mitochondrial_percent"]
# Where GEO's files come from; how often and how long it is asked for them changes none.
GEO_KEYS = ["geo.base_url", "geo.ncbi_counts", "geo.dee2", "geo.dee2_url"]
PATIENCE_KEYS = ["geo.retries", "geo.backoff_seconds", "geo.timeout_seconds"]


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


# Where weights lie decides no result; the key `weights` reaches the stages as what they are.
WEIGHTS_FOLDER = RUN.weights_folder
SHELL = Shell(
    "python" if CONDA else shlex.quote(sys.executable),
    ROOT / "workflow",
    {published.VARIABLE: str(WEIGHTS_FOLDER)} if WEIGHTS_FOLDER else {},
)

# Jobs of this machine that need no GPU are forked from a process that has imported everything already.
# In other environments than Snakemake's, in jobs of a scheduler and with large models, beside which
# imports are nothing, each starts by itself.
WARM = workflow.is_main_process and not CONDA and RUN.small_on_cpus
WARM = WARM and os.environ.get("EPIGPT_WARM") != "0"
# `**stage(…)` in the params of a rule: its command, and what of the code and the
# settings reruns it when it changes.
stage = StageParams(SHELL, RUN.job_settings(), not CONDA, lambda: WARM and workflow.local_exec)


def shown_table(name, result=None):
    """Return a table of results that Snakemake's own report shows."""
    return report(
        f"results/{{dataset}}/{name}.tsv",
        caption=f"../workflow/report/{name}.rst",
        category="Tables",
        subcategory="{dataset}",
        labels={"data set": "{dataset}", "result": result or name.replace("_", " ")},
    )
