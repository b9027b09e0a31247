"""Fixtures that every test folder may use."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

# Tests run side by side, and their matrices are small: threads of BLAS and torch would wait for each
# other and take a third more of the processor. What is about threads asks for them itself.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with larger test material that is no part of the project; tests that need it skip
    where it is absent."""
    folder = Path(os.environ.get("EPIGPT_SHARED", ROOT.parent / "shared"))
    if not (folder / "geo-mirror").is_dir():
        pytest.skip(f"no test material at {folder} (set EPIGPT_SHARED)")
    return folder


@dataclass(frozen=True)
class Workflow:
    """Runs the workflow of a checkout in a folder of its own, as a user would."""

    checkout: Path
    folder: Path

    def run(
        self,
        *arguments: str,
        config: dict[str, Any] | None = None,
        rows: list[dict[str, str]] | None = None,
        inside: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end and give its exit status and output.

        `config` and `rows` write the two configuration files; `inside` is a command that runs
        another.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if rows is not None:
            columns = list(dict.fromkeys(name for row in rows for name in row))
            lines = [
                "\t".join(columns),
                *("\t".join(row.get(name, "") for name in columns) for row in rows),
            ]
            (self.folder / "datasets.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        if config is not None:
            (self.folder / "config.yaml").write_text(
                yaml.safe_dump({"datasets": "datasets.tsv", **config}), encoding="utf-8"
            )
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(self.checkout / "Snakefile"),
            "--directory",
            str(self.folder),
        ]
        if (self.folder / "config.yaml").exists():
            command += ["--configfile", str(self.folder / "config.yaml")]
        return subprocess.run(
            [*inside, *command, "--cores", "2", *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=900,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def results(self) -> set[str]:
        """List the files under results/, logs, benchmarks and hidden state left out."""
        base = self.folder / "results"
        found = {path.relative_to(base).as_posix() for path in base.rglob("*") if path.is_file()}
        return {
            name
            for name in found
            if not any(
                part in ("logs", "benchmarks") or part.startswith(".") for part in name.split("/")
            )
        }


@pytest.fixture
def workflow(tmp_path: Path) -> Workflow:
    """The project's workflow in an empty folder, whose name has a space as users' folders do."""
    return Workflow(ROOT, tmp_path / "a run")


@pytest.fixture(scope="session")
def make_workflow() -> type[Workflow]:
    """Workflows of another checkout or folder."""
    return Workflow
