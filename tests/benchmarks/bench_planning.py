"""Processor time of planning 200 data sets, as `snakemake -n` does before anything runs. Run by
`make bench`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DATA_SETS = 200
BOUND = 10.0
# Fifteen jobs of each data set are known before its folds are.
CONFIG = {
    "datasets": "datasets.tsv",
    "geo": {"base_url": "https://example.org/geo"},
    "baselines": ["majority"],
}


def plan(folder: Path, data_sets: int) -> float:
    """Give the processor seconds of a dry run over this many data sets, the shorter of two."""
    rows = [
        f"set{number}\tGSE9000001\tcondition\tepilepsy\tcontrol\tlitter"
        for number in range(data_sets)
    ]
    (folder / "datasets.tsv").write_text(
        "\n".join(["dataset\tsource\tlabel\tcase\tcontrol\tgroup", *rows]) + "\n"
    )
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--directory",
        str(folder),
        "--configfile",
        str(folder / "config.yaml"),
        "--cores",
        "2",
        "--dry-run",
        "--quiet",
        "rules",
        "host",
    ]
    times = []
    for _ in range(2):
        before = os.times()
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        after = os.times()
        times.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
    return min(times)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        one, many = (plan(Path(folder), number) for number in (1, DATA_SETS))
    print(f"1 data set: {one:.1f} s")
    print(f"{DATA_SETS} data sets: {many:.1f} s (at most {BOUND:.0f} s)")
    return int(many > BOUND)


if __name__ == "__main__":
    sys.exit(main())
