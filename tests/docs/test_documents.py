"""Every command and snippet of the documents and of a model card, run as a reader would: in a
process of its own, in a clean copy of the project, with results of a small series.

A command that would take hours, a cluster or a network is dry-run: Snakemake with `-n`, make with
`-n`. What cannot be tried like that is listed in `ELSEWHERE` with the test that runs it.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import project_copy
from epigpt.config import dataset_table
from finished_results import series, write

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("documents")]

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [
        *(ROOT / name for name in ("README.md", "config/README.md", "CONTRIBUTING.md")),
        *(ROOT / name for name in ("workflow/RECIPE.md", "workflow/epigpt/training/model_card.py")),
        *(ROOT / "docs").glob("*.md"),
    ]
)
PROGRAMS = ("make", "snakemake", "epigpt", "python", "srun")
# What the reader's own names stand for here.
OURS = {
    "results/influenza": "results/airway",
    "MODEL_DIR": "results/airway/models/tiny/final",
    "SAMPLES": "new_counts.tsv",
    "GSE96870": "GSE52778",
    "GSE12345": "GSE52778",
}
# A command's beginning: the test that runs it, and a word that this test must hold.
ELSEWHERE = {
    "snakemake --report": ("tests/workflow/test_reruns.py", '"--report"'),
    "snakemake --sdm conda": ("tests/conda/conda.py", "conda"),
    "python -m pytest": ("tests/docs/test_documents.py", "pytest"),
}


def fences(text: str) -> Iterator[tuple[str, str]]:
    """Give language and content of every fenced block."""
    for block in re.finditer(r"^( *)```(\w*)\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE):
        lines = [line.removeprefix(block[1]) for line in block[3].splitlines()]
        yield block[2], "\n".join(lines)


def is_command(line: str) -> bool:
    words = line.split()
    return bool(words) and Path(words[0]).name in PROGRAMS and len(words) > 1


def commands() -> list[str]:
    """List every command once: lines of fenced blocks, and code within a sentence."""
    found: dict[str, str] = {}
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        lines = [line for kind, content in fences(text) if not kind for line in content.split("\n")]
        inline = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        for line in [*lines, *inline]:
            command = re.sub(r"\s+#.*", "", line).strip()
            if is_command(command):
                found.setdefault(re.sub(r"^\S*/", "", command), command)
    return list(found.values())


def blocks(*kinds: str) -> list[tuple[str, str]]:
    """List the fenced blocks of some languages, with the document's name."""
    return [
        (document.name, content)
        for document in DOCUMENTS
        for kind, content in fences(document.read_text(encoding="utf-8"))
        if kind in kinds
    ]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean copy of the project with results of a small series called airway."""
    folder = tmp_path_factory.mktemp("clone") / "epigpt"
    project_copy.copy(ROOT, folder)
    (folder / ".venv").symlink_to(sys.prefix)
    write(folder / "results" / "airway")
    adata = series()
    pd.DataFrame(adata.X.toarray().T, index=adata.var_names, columns=adata.obs_names).to_csv(
        folder / "new_counts.tsv", sep="\t"
    )
    (folder / "my.yaml").write_text("epochs: 3\n")
    return folder


def run(command: list[str], clone: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": f"{clone / '.venv' / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(clone / "workflow"),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        command,
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def tried(command: str) -> list[str]:
    """Give the words that try a command without its hours, its cluster or its network."""
    for name, ours in OURS.items():
        command = command.replace(name, ours)
    words = shlex.split(command)
    if words[0] == "srun":  # what it starts on the node is what can be tried here
        words = words[next(at for at in range(1, len(words)) if is_command(f"{words[at]} x")) :]
    program = Path(words[0]).name
    if program == "make":
        return ["make", "--dry-run", *words[1:]]
    if program == "snakemake" and "--unlock" not in words:
        return [
            *words,
            "--dry-run",
            *([] if {"--cores", "--profile"} & set(words) else ["--cores", "1"]),
        ]
    if program == "epigpt" and words[1] == "describe":
        return [*words, "--configfile", "config/demo/config.yaml"]
    if program == "epigpt" and len(words) == 2:  # a sub-command named in a sentence
        return [*words, "--help"]
    if program == "epigpt" and words[1] == "start":  # without --yes it proposes, and runs nothing
        return [*words, "--base-url", "file://./config/demo/geo-mirror"]
    return words


@pytest.mark.parametrize("command", commands())
def test_every_command_works(command: str, clone: Path) -> None:
    plain = re.sub(r"^\S*/", "", command)
    known = next((told for start, told in ELSEWHERE.items() if plain.startswith(start)), None)
    if known:
        place, word = known
        assert word in (ROOT / place).read_text(encoding="utf-8")
        return
    done = run(tried(command), clone)
    # The doctor's business is to say what this machine lacks, and then its status is 1.
    allowed = {0, 1} if "doctor" in command else {0}
    assert done.returncode in allowed, done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("document", "code"), blocks("python"))
def test_every_snippet_runs(document: str, code: str, clone: Path) -> None:
    for name, ours in OURS.items():
        code = code.replace(name, ours)
    done = run([str(clone / ".venv" / "bin" / "python"), "-c", code], clone)
    assert done.returncode == 0, (document, done.stderr)


@pytest.mark.parametrize(("document", "text"), blocks("snakemake"))
def test_a_quoted_part_of_a_rule_is_in_a_rule(document: str, text: str) -> None:
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").glob("*.smk"))
    assert "".join(text.split()) in "".join(rules.split()), document


def test_every_table_row_can_be_pasted(tmp_path: Path) -> None:
    rows = [text for _, text in blocks("") if text.startswith("dataset\t")]
    assert rows
    for number, text in enumerate(rows):
        path = tmp_path / f"{number}.tsv"
        path.write_text(text + "\n", encoding="utf-8")
        assert dataset_table.read(path)


def test_every_fenced_block_is_tried() -> None:
    """A block that is neither commands, rows nor a language that a test here runs would rot."""
    for document in DOCUMENTS:
        for kind, text in fences(document.read_text(encoding="utf-8")):
            if not kind:
                lines = [line for line in text.splitlines() if line.strip()]
                assert text.startswith("dataset\t") or all(map(is_command, lines)), text
            else:
                assert kind in ("python", "snakemake"), (document.name, kind)


def test_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        text = re.sub(r"`[^`\n]*`", "", document.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            if "://" not in target:
                assert (document.parent / target).exists(), (document.name, target)
