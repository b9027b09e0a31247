"""The workflow elsewhere: as a module of another, from a checkout that cannot be written, with
hundreds of data sets."""

import os
import re
import subprocess
import sys

import pytest
import yaml

import project_copy
from quick_run import CONFIG, ROW

CALLER = """
configfile: "caller.yaml"


module epigpt:
    snakefile: "{snakefile}"
    config: config["expression"]


use rule * from epigpt as epigpt_*


rule summary:
    default_target: True
    input:
        "results/epilepsy/folds.tsv",
    output:
        "summary.txt",
    shell:
        "wc -l < {{input:q}} > {{output:q}}"
"""
READ_ONLY = [
    "unshare",
    "--mount",
    "--map-root-user",
    "sh",
    "-c",
    'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 99; shift; exec "$@"',
    "sh",
]


def test_as_a_module_of_another_workflow(root, tmp_path):
    (tmp_path / "Snakefile").write_text(CALLER.format(snakefile=root / "Snakefile"))
    (tmp_path / "table.tsv").write_text("\t".join(ROW) + "\n" + "\t".join(ROW.values()) + "\n")
    mirror = (root / "config" / "demo" / "geo-mirror").as_uri()
    content = {
        "expression": {
            **CONFIG,
            "datasets": str(tmp_path / "table.tsv"),
            "geo": {"base_url": mirror},
        },
        "another": 1,
    }
    (tmp_path / "caller.yaml").write_text(yaml.safe_dump(content))
    command = [sys.executable, "-m", "snakemake", "--cores", "2"]

    def run(*arguments):
        done = subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    run()
    assert (tmp_path / "summary.txt").read_text().strip() == "25"
    # The models, too, can be asked for: the folds that were found decide which.
    planned = run("--dry-run", "results/epilepsy/report.html")
    assert len(re.findall(r"^rule epigpt_models:", planned, re.MULTILINE)) == 1
    assert len(re.findall(r"^rule epigpt_encode:", planned, re.MULTILINE)) >= 3


def test_from_a_checkout_that_cannot_be_written(root, workflow, make_workflow, tmp_path):
    checkout = tmp_path / "read only"
    project_copy.copy(root, checkout, tests=False)
    inside = [*READ_ONLY, str(checkout)]
    probe = subprocess.run(
        [*inside, "touch", str(checkout / "Snakefile")], capture_output=True, check=False
    )
    if probe.returncode == 99 or b"unshare" in probe.stderr:
        pytest.skip("this machine lets nobody make a mount namespace")
    assert probe.returncode == 1
    mirror = (checkout / "config" / "demo" / "geo-mirror").as_uri()
    elsewhere = make_workflow(checkout, tmp_path / "elsewhere")
    done = elsewhere.run(
        "results/epilepsy/folds.tsv",
        config={**CONFIG, "geo": {"base_url": mirror}},
        rows=[ROW],
        inside=inside,
    )
    assert done.returncode == 0, done.stderr
    assert (elsewhere.folder / "results" / "epilepsy" / "folds.tsv").exists()


def test_two_hundred_data_sets_are_planned(workflow):
    rows = [{**ROW, "dataset": f"set{number}"} for number in range(200)]
    config = {**CONFIG, "geo": {"base_url": "https://example.org/geo"}}
    done = workflow.run("--dry-run", "--quiet", "rules", "host", config=config, rows=rows)
    assert done.returncode == 0, done.stderr
    assert "total" in done.stdout + done.stderr


def test_an_installed_copy_does_not_stand_in_for_the_checkout(
    root, workflow, tmp_path, monkeypatch
):
    """Snakemake imports all plugins before it reads the Snakefile, and one may import epigpt."""
    place = tmp_path / "installed"
    for name, text in (
        ("epigpt", ""),
        (
            "snakemake_logger_plugin_eager",
            "import epigpt\nfrom snakemake_interface_logger_plugins.base import LogHandlerBase\n"
            "class LogHandler(LogHandlerBase): ...\n",
        ),
    ):
        (place / name).mkdir(parents=True)
        (place / name / "__init__.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{root / 'workflow'}")
    config = {**CONFIG, "geo": {"base_url": "https://example.org/geo"}}
    done = workflow.run("--dry-run", "--quiet", config=config, rows=[ROW])
    assert done.returncode == 0, done.stderr
