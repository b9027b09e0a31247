"""Configuration and names that all rules share.

Purpose: read and validate the settings and the data set table once; say which settings a rule reads and how its stage is started.
Inputs: the config file (config/config.yaml beside the Snakefile unless --configfile is given), the data set table.
Outputs: none.
"""

import gc
import inspect
import json
import re
import shlex

import yaml
from snakemake import __version__ as SNAKEMAKE
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod
from snakemake.utils import update_config

from epigpt.config import dataset_table, loading
from epigpt.provenance.fingerprint import fingerprint as code_of
from epigpt.models import presets, published
from epigpt.doctor import leftover_jobs
from epigpt.errors import InputError
from epigpt.config.settings import permutations
from epigpt.training import gpus

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
        merged.pop(
            "hardware", None
        )  # no setting: it decides where a result is computed, not what it is
    settings = loading.load(merged, files, ROOT)
    return settings, {
        row.dataset: row for row in dataset_table.read(Path(settings.datasets))
    }


def read_hardware():
    """Take the hardware preset that --config hardware=NAME or else the profile names; without either it is this machine."""
    named = workflow.config_settings.config.get("hardware") or site("hardware", "auto")
    if named != "auto":
        return presets.hardware(named)
    if workflow.is_main_process and (found := len(gpus.visible())):
        # One fit per GPU at a time; which one a fit gets is settled when it starts.
        workflow.register_resource("local_gpu", found)
    return presets.hardware("cpu")


def site(key, otherwise):
    """Give what the profile says of its site: an entry of its default resources."""
    resources = workflow.resource_settings._parsed_default_resources
    return str(resources[key].raw) if key in resources else otherwise


try:
    SETTINGS, ROWS = read_configuration()
    PRESET = presets.load(SETTINGS.model)
    PAIRS = loading.transfer_pairs(SETTINGS.transfer, list(ROWS))
    HARDWARE = read_hardware()
    WEIGHTS = published.source(SETTINGS.weights, PRESET)
    if WEIGHTS is not None and WEIGHTS.folder is not None:
        published.check_files(WEIGHTS.folder, PRESET)
except InputError as error:
    raise WorkflowError(str(error)) from None

CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
# A site whose login node has no GPU names the variant whose PyTorch is built for CUDA.
TRAINING_ENVIRONMENT = f"../envs/{site('training_environment', 'train')}.yaml"
TABLES = [
    "samples.tsv",
    "quality.tsv",
    "differential_expression.tsv",
    "folds.tsv",
    "predictions.tsv",
    "metrics.tsv",
    "verdict.json",
    "comparison.tsv",
    "confounding.tsv",
    "learning_curve.tsv",
    "attributions.tsv",
    "attributions.json",
    "attribution_agreement.tsv",
    "markers.tsv",
    "marker_sets.tsv",
    "gene_set_enrichment.tsv",
    "excitation_inhibition.tsv",
    "claims.tsv",
    "provenance.json",
    "ro-crate-metadata.json",
    *(["transfer.tsv"] if PAIRS else []),
]
# What every stage needs around it; one Python for all, so that nothing needs activating.
SURROUNDINGS = (
    f"PYTHONPATH={shlex.quote(str(ROOT / 'workflow'))}"
    " PYTHONHASHSEED=0 MPLBACKEND=Agg TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1"
)
# Where pretrained weights lie, which decides no result; the key `weights` reaches the stages as what they are.
if WEIGHTS is not None:
    WEIGHTS_FOLDER = WEIGHTS.folder or Path(f"results/weights/{WEIGHTS.slug}")
    SURROUNDINGS += f" {published.VARIABLE}={shlex.quote(str(WEIGHTS_FOLDER))}"
PYTHON = "python" if CONDA else shlex.quote(sys.executable)
# What decides tokens, and what decides a fit beside its tokens: for the rules that run a part of the pipeline again.
ENCODING_KEYS = [
    "encoding",
    "max_genes",
    "vocabulary_genes",
    "views",
    "gene_dropout",
    "seed",
]
TRAINING_KEYS = [
    "preset",
    "epochs",
    "learning_rate",
    "global_batch_size",
    "precision",
    "tuning",
    "early_stopping",
    "weights",
    "seed",
]
PERMUTATIONS = permutations(SETTINGS.permutations, SETTINGS.model)
PERMUTATIONS_PER_JOB = 5
BASELINES = list(dict.fromkeys(["logistic_l2", *SETTINGS.baselines]))


wildcard_constraints:
    dataset="|".join(ROWS),
    tested="|".join(ROWS),
    repository="none" if WEIGHTS is None else re.escape(WEIGHTS.slug or "none"),
    preset=PRESET.name,
    fit="repeat[0-9]+/fold[0-9]+|final",
    baseline="|".join(BASELINES),
    variant="finetuned_random_weights|finetuned_shuffled_genes|finetuned_no_blocks|frozen_logistic",
    first="[0-9]+",
    last="[0-9]+",


def signed(function):
    """Keep a function's signature with it: Snakemake asks for it several times in every job, and working it out takes longer than the call."""
    function.__signature__ = inspect.signature(function)
    return function


def stage(name):
    """Give a params function: the command that starts a stage.

    Stages run with Snakemake's own interpreter, so that nothing needs activating; under --sdm conda with their environment's.
    Snakemake leaves params that follow from resources out of what makes a job run again, so another folder or interpreter does not.
    """

    surroundings = SURROUNDINGS
    if name == "weights":
        surroundings = surroundings.replace(" HF_HUB_OFFLINE=1", "")

    @signed
    def command(wildcards, resources):
        return f"{surroundings} {PYTHON} -m epigpt.stages.{name}"

    return command


def training(name):
    """Give a params function: the command that starts a stage as a training on the chosen hardware.

    One device: the stage itself. Several on a node: torchrun. Several nodes: one srun task on each, which starts torchrun there.
    """

    @signed
    def command(wildcards, resources, threads):
        start = PYTHON
        # The dashes keep torchrun from taking the stage's options for its own, abbreviated.
        stop = "-- " if HARDWARE.nodes * HARDWARE.devices > 1 else ""
        if HARDWARE.nodes > 1:
            srun = f"{resources.mpi} --nodes={resources.nodes} --ntasks={resources.tasks} --ntasks-per-node=1"
            srun += f" --cpus-per-task={threads} --kill-on-bad-exit=1"
            start = (
                f"{srun} {PYTHON} -m epigpt.training.node --devices {HARDWARE.devices}"
            )
        elif HARDWARE.devices > 1:
            start += f" -m torch.distributed.run --standalone --nproc-per-node={HARDWARE.devices}"
        return f"{SURROUNDINGS} {start} -m {stop}epigpt.stages.{name}"

    return command


def fingerprint(stage):
    """List the code a stage depends on: a string per folder of modules, one for the stage's own module, one for the packages.

    Snakemake's reason for a rerun shows the strings that changed, so it names the folder's modules with what they were and are. A string
    per module would name that one alone, and make the planning of many data sets take a fifth longer.
    """
    own = f"epigpt.stages.{stage}"
    parts = {}
    for part in code_of(stage, versions=not CONDA):
        name = part.partition("=")[0]
        folder = "packages" if "==" in part else name.rpartition(".")[0]
        parts.setdefault(own if name == own else folder, []).append(part)
    return [" ".join(listed) for listed in parts.values()]


def reads(*keys):
    """Give a params function: the settings a rule reads, and no others, as one JSON object ('row.x' is a cell of the table)."""

    @signed
    def chosen(wildcards):
        return json.dumps(
            {key: value_of(key, wildcards) for key in keys}, sort_keys=True
        )

    return chosen


def reads_unwatched(*keys):
    """Give a params function: settings that decide how a job goes about its work and not what it makes, so none reruns it."""
    return signed(lambda wildcards, resources: reads(*keys)(wildcards))


def cell(name):
    """Give a params function: one cell of a data set's row."""
    return signed(lambda wildcards: getattr(ROWS[wildcards.dataset], name))


@signed
def all_settings(wildcards):
    """Give every setting and the data set's row, as one JSON object."""
    chosen = SETTINGS.model_dump(mode="json", exclude={"datasets"})
    return json.dumps({**chosen, "row": row_cells(wildcards)}, sort_keys=True)


@signed
def snakemake_version(wildcards, resources):
    """Give Snakemake's version: told, but, since it asks for resources, no reason to run again."""
    return SNAKEMAKE


def value_of(key, wildcards):
    section, _, name = key.partition(".")
    if key == "weights":
        return "none" if WEIGHTS is None else WEIGHTS.identity
    if (
        key == "preset"
    ):  # the architecture that the preset's file describes; its weights are a key of their own
        return {
            name: value
            for name, value in vars(PRESET).items()
            if name not in ("name", "weights")
        }
    if section != "row":
        return SETTINGS.value(key)
    return row_cells(wildcards)[name]


def row_cells(wildcards):
    """Give the cells of a data set's row; of local files the name alone, since the folder does not decide a result."""
    row = ROWS[wildcards.dataset]
    cells = {name: getattr(row, name) for name in dataset_table.COLUMNS}
    return (
        cells
        if row.is_accession
        else {
            **cells,
            "source": Path(row.source).name,
            "samples": Path(row.samples).name,
        }
    )
