"""Every key of settings.py does something: another value changes what a job is told, which jobs
there are, or is refused.

Most keys reach a rule through `stage(…)`, whose list of keys is read here and held against what the
stage's code reads. The others decide the graph of jobs and are dry-run.
"""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from epigpt.config.settings import keys
from epigpt.provenance import fingerprint

# Keys that decide which jobs there are or which files they read, and a value other than the default.
OF_THE_GRAPH: dict[str, Any] = {
    "adapt": 1,
    "attributions": False,
    "baselines": ["majority"],
    "comparisons": ["frozen_logistic"],
    "corpus": "corpus.tsv",
    "datasets": "other.tsv",
    "gene_sets": ["own.gmt"],
    "model": "gpt2",
    "permutations": 7,
    "transcripts": "own.tsv",
    "transfer": ["airway -> epilepsy_simulated"],
    "weights": "preset",
}


def named_lists(text: str) -> dict[str, list[str]]:
    """Give the lists of keys that rules share, such as TRAINING_KEYS."""
    lists: dict[str, list[str]] = {}
    for name, content in re.findall(
        r"^([A-Z_]+_KEYS) \+?= (\[.*?\])", text, re.MULTILINE | re.DOTALL
    ):
        lists.setdefault(name, []).extend(ast.literal_eval(content))
    return lists


def closing(text: str, start: int) -> int:
    """Give the place after the bracket that closes the first one behind `start`."""
    depth = 0
    for place in range(text.index("(", start), len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    raise ValueError("a bracket stays open")


def stage_calls(root: Path) -> Iterator[tuple[str, set[str]]]:
    """Give every stage that a rule starts and the keys it is told."""
    lists = named_lists((root / "rules" / "common.smk").read_text())
    for path in sorted((root / "rules").glob("*.smk")):
        text = path.read_text()
        for found in re.finditer(r'\bstage\(\s*"', text):
            call = text[found.start() : closing(text, found.start())]
            node = ast.parse(call, mode="eval").body
            assert isinstance(node, ast.Call)
            named: set[str] = set()
            for argument in node.args[1:]:
                if isinstance(argument, ast.Starred):
                    assert isinstance(argument.value, ast.Name)
                    named |= set(lists[argument.value.id])
                else:
                    named.add(ast.literal_eval(argument))
            for keyword in node.keywords:
                if keyword.arg == "unwatched":
                    of = keyword.value
                    named |= set(lists[of.id] if isinstance(of, ast.Name) else ast.literal_eval(of))
            yield ast.literal_eval(node.args[0]), named


@pytest.fixture(scope="module")
def told(root: Path) -> dict[str, set[str]]:
    """For every stage the keys it is told, over all rules that start it."""
    found: dict[str, set[str]] = {}
    for stage, named in stage_calls(root):
        found.setdefault(stage, set()).update(named)
    return found


def test_the_rules_are_read(told: dict[str, set[str]]) -> None:
    assert len(told) > 15
    assert {"folds", "seed", "row.case"} <= told["folds"]
    assert "early_stopping" in told["train"]


@pytest.mark.parametrize("key", sorted(set(keys()) - set(OF_THE_GRAPH)))
def test_a_key_reaches_a_stage_that_reads_it(key: str, told: dict[str, set[str]]) -> None:
    stages = [stage for stage, named in told.items() if key in named]
    assert stages or any(key == name.partition(".")[0] for named in told.values() for name in named)
    for stage in stages:
        modules, _ = fingerprint._closure(f"epigpt.stages.{stage}")
        paths = [path for name in modules if (path := fingerprint._file(name)) is not None]
        assert any(mentions(path, key) for path in paths), (
            f"{stage} is told {key} and never reads it"
        )


def mentions(path: Path, key: str) -> bool:
    """Whether a module names a key: as a text, or as the field of a data class made of settings."""
    last = key.rpartition(".")[2]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and node.value == key:
            return True
        # `f"quality.{field}"` over the fields of a data class.
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == last:
            return True
    return False


@pytest.fixture(scope="module")
def prepared(root: Path, tmp_path_factory: pytest.TempPathFactory, make_workflow: Any) -> Any:
    workflow = make_workflow(root, tmp_path_factory.mktemp("keys") / "a run")
    workflow.folder.mkdir()
    shutil.copy(root / "config" / "demo" / "datasets.tsv", workflow.folder / "datasets.tsv")
    (workflow.folder / "own.tsv").write_text("transcript\tgene\nT1\tG1\n")
    (workflow.folder / "corpus.tsv").write_text("series\tsource\na\tGSE1\n")
    (workflow.folder / "own.gmt").write_text("MINE\t\tGFAP\tVIM\tAQP4\n")
    return workflow


def planned(workflow: Any, **changed: Any) -> str:
    """Give what a dry run would do, its commands among it, and its refusal where it refuses."""
    base = {"model": "tiny", "permutations": 0, "weights": "none", **changed}
    done = workflow.run("--dry-run", "--printshellcmds", "--cores", "1", config=base)
    said = done.stdout + done.stderr
    if done.returncode:
        return said[said.index("where:") :]
    jobs = r"^(?:Shell command:|(?:local)?(?:rule|checkpoint)|    input:).*"
    return "\n".join(sorted(re.findall(jobs, said, re.MULTILINE)))


@pytest.mark.slow
def test_keys_of_the_graph_change_it(prepared: Any) -> None:
    default = planned(prepared)
    assert "epigpt.stages.expression" in default
    assert planned(prepared) == default
    unchanged = [
        key for key, value in OF_THE_GRAPH.items() if planned(prepared, **{key: value}) == default
    ]
    # These act on jobs that a first dry run does not know yet, behind the checkpoint `folds`, or
    # where weights are not `none`; the rules or the plan of the run name them.
    assert set(unchanged) <= {"adapt", "attributions", "corpus"}
    files = [
        *(prepared.checkout / "rules").glob("*.smk"),
        prepared.checkout / "workflow" / "epigpt" / "jobs" / "run_plan.py",
    ]
    deciding = "".join(path.read_text() for path in files)
    for key in unchanged:
        assert re.search(rf"\b(SETTINGS|asked)\.{key}\b", deciding), key
