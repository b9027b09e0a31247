"""EpiGPT: from GEO accessions to fine-tuned GPT-2 models and honest reports."""

import os
import sys
import time
from pathlib import Path

from snakemake.utils import min_version

BEGAN = time.time()
min_version("9.27.1")

# Of this file, not of the caller's: EpiGPT may be a module of another workflow.
ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).resolve()
sys.path.insert(0, str(ROOT / "workflow"))
# What a plugin of Snakemake's may have imported already, of an installed copy and not of this checkout.
if (taken := sys.modules.get("epigpt")) and not Path(taken.__file__).is_relative_to(ROOT):
    for name in [name for name in sys.modules if name.partition(".")[0] == "epigpt"]:
        del sys.modules[name]
# Jobs start Python in the working directory, whose modules are none of ours.
os.environ.update(PYTHONSAFEPATH="1")


report: "workflow/report/workflow.rst"


include: "rules/resources.smk"
include: "rules/common.smk"
include: "rules/inputs.smk"
include: "rules/geo.smk"
include: "rules/prepare.smk"
include: "rules/weights.smk"
include: "rules/corpus.smk"
include: "rules/encode.smk"
include: "rules/train.smk"
include: "rules/evaluate.smk"
include: "rules/interpret.smk"
include: "rules/transfer.smk"
include: "rules/report.smk"


if workflow.is_main_process:
    # Before anything is planned from results that are no longer what they were.
    run_start.check(Path.cwd(), sys.argv[1:], logger.warning)


rule all:
    default_target: True
    input:
        # Tables that people read are asked for by name, or a deleted one would not be missed beside a finished report.
        expand("results/{dataset}/{file}", dataset=ROWS, file=TABLES),
        expand("results/{dataset}/report.html", dataset=ROWS),
        expand("results/{dataset}/figures", dataset=ROWS),
        [of_fits(FitFiles.kept, dataset=name) for name in ROWS],
        "results/index.html",
    localrule: True


CORPUS_ACCESSIONS = [name for name, row in CORPUS_ROWS.items() if row.is_accession]
CORPUS_MANIFEST = "results/corpus/{corpus}/series/{series}/geo/manifest.tsv"


# What needs a network, for the login node of a cluster whose compute nodes have none; everything else then runs without one.
rule fetch:
    input:
        [RUN.fetched_folder] if RUN.fetched and RUN.fetched.folder is None else [],
        expand(CORPUS_MANIFEST, corpus=CORPUS, series=CORPUS_ACCESSIONS),
        expand("results/{dataset}/geo/manifest.tsv", dataset=ROWS),
    localrule: True


onstart:
    scheduler_rounds.spare(workflow)
    if left := leftover_jobs.cancel(Path.cwd()):
        print(
            f"Cancelled {len(left)} jobs that an earlier run left in the queue: {', '.join(left)}.",
            file=sys.stderr,
        )


onerror:
    if not workflow.dag_settings.targets or "all" in workflow.dag_settings.targets:
        outcomes = run_outcome.of_run(Path.cwd(), list(ROWS), BEGAN)
        run_outcome.write_index(Path.cwd(), outcomes, ROOT / "workflow")
        print(run_outcome.closing_list(outcomes), file=sys.stderr)
