"""The command `epigpt`: what a shell completes, and how it ends when it is stopped."""

import os
import subprocess
import sys

import pytest

from epigpt import cli
from epigpt.describe import command


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("epigpt pre", "predict"),
        ("epigpt plan --hard", "--hardware"),
        ("epigpt start --lab", "--label"),
    ],
)
def test_what_a_shell_completes(root, tmp_path, line, word):
    answer = tmp_path / "answer"
    environment = {
        **os.environ,
        "PYTHONPATH": str(root / "workflow"),
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    subprocess.run([sys.executable, "-m", "epigpt.cli"], env=environment, check=False)
    assert word in answer.read_text().split()


def test_ctrl_c_is_no_traceback(monkeypatch, capsys):
    def stopped(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run", stopped)
    assert cli.main(["describe", "GSE1"]) == 130
    assert capsys.readouterr().err == "\nStopped.\n"


def test_ctrl_c_while_libraries_are_imported_is_one_word_too(monkeypatch, capsys):
    def stopped(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.importlib, "import_module", stopped)
    assert cli.main(["start", "GSE1"]) == 130
    assert capsys.readouterr().err == "\nStopped.\n"
