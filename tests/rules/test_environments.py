"""One list of versions: pyproject.toml and the conda environments agree, and each environment has
what its stages import."""

import re
import sys
import tomllib

import pytest
import yaml

from epigpt.provenance import fingerprint

CONDA = {"torch": "pytorch", "huggingface-hub": "huggingface_hub"}
IMPORTED_AS = {
    "scikit-learn": "sklearn",
    "umap-learn": "umap",
    "pyyaml": "yaml",
    "pytorch": "torch",
    "pillow": "PIL",
}
# Imported for a kind of file or model that only some users have; the message then says what to
# install.
OPTIONAL: set[str] = set()


def pins(root):
    requirements = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    named = dict(
        re.fullmatch(r"([\w.-]+)==([\w.]+)", requirement).groups() for requirement in requirements
    )
    return {CONDA.get(name.lower(), name.lower()): version for name, version in named.items()}


def environment(root, name):
    content = yaml.safe_load((root / "envs" / f"{name}.yaml").read_text())
    from_conda = [entry for entry in content["dependencies"] if isinstance(entry, str)]
    from_pip = [
        entry for part in content["dependencies"] if isinstance(part, dict) for entry in part["pip"]
    ]
    named = dict(re.fullmatch(r"(\S+) =(\S+)", entry).groups() for entry in from_conda)
    assert ("pip" in named) == bool(from_pip)
    named.pop("pip", None)
    return named | dict(re.fullmatch(r"(\S+)==(\S+)", entry).groups() for entry in from_pip)


def blocks(root):
    """Give every rule's text and the stage it starts."""
    for path in sorted((root / "rules").glob("*.smk")):
        for block in re.split(r"\n(?=(?:rule|checkpoint) )", path.read_text())[1:]:
            started = re.search(r'\*\*stage\(\s*"(\w+)"', block)
            assert started, block
            yield block, started[1]


def rules(root):
    for block, stage in blocks(root):
        env = re.search(r'conda:\s+(?:"\.\./envs/(\w+)\.yaml"|TRAINING_ENVIRONMENT)', block)
        assert env, block
        yield stage, env[1] or "train"


@pytest.mark.parametrize("name", ["geo", "prepare", "train", "evaluate", "report"])
def test_versions_agree(root, name):
    known = {**pins(root), "python": "3.11"}
    assert {package: known.get(package) for package in environment(root, name)} == environment(
        root, name
    )


def test_the_variant_for_cuda_differs_in_cuda_alone(root):
    plain, cuda = (
        yaml.safe_load((root / "envs" / f"{name}.yaml").read_text())
        for name in ("train", "train-cuda")
    )
    torch = next(entry for entry in plain["dependencies"] if entry.startswith("pytorch "))
    expected = plain["dependencies"]
    place = expected.index(torch)
    assert cuda == {
        **plain,
        "dependencies": [
            *expected[:place],
            f"{torch} cuda*",
            "cuda-version =12.9",
            *expected[place + 1 :],
        ],
    }


def test_every_rule_has_an_environment_with_what_its_stage_imports(root):
    missing = []
    for stage, env in rules(root):
        available = {IMPORTED_AS.get(package, package) for package in environment(root, env)}
        _, packages = fingerprint._closure(f"epigpt.stages.{stage}")
        missing += [
            f"{stage} imports {package}, which envs/{env}.yaml lacks"
            for package in packages
            if package not in sys.stdlib_module_names and package not in available | OPTIONAL
        ]
    assert sorted(missing) == []


def test_every_rule_says_what_it_does_and_leaves_a_log_and_a_benchmark(root):
    for block, _ in blocks(root):
        assert re.match(r'(?:rule|checkpoint) \w+:\n    """\w', block), block
        assert "log:" in block
        assert "benchmark:" in block


def test_a_stage_reads_only_what_its_rule_hands_over(root):
    """Names of flags that a stage asks for, against the rule's named inputs and outputs, its
    wildcards and its own additions."""
    for block, stage in blocks(root):
        text = (root / "workflow" / "epigpt" / "stages" / f"{stage}.py").read_text()
        asked = set(re.findall(r'job\.(?:text|file|files|optional)\(\s*"(\w+)"', text))
        named = set(re.findall(r"^        (\w+)=", block, re.MULTILINE))
        wildcards = set(re.findall(r"\{(\w+)\}", block))
        added = set(re.findall(r"--(\w+) \{params", block))
        optional = set(re.findall(r'job\.text\(\s*"(\w+)", ', text))
        assert asked <= named | wildcards | added | optional, (stage, asked)
