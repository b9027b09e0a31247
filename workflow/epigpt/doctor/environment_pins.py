"""Explicit pin files of the conda environments: every package with its URL, so that an environment
is the same in a year.

Run by `make pins` on a machine that reaches the channels. Snakemake takes
envs/NAME.linux-64.pin.txt by itself where it exists. What only pip has is not in such a file, so a
script beside it installs that part once the environment is there.
"""

import argparse
import asyncio
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import yaml

from epigpt.errors import InputError
from epigpt.files import write_text

FOLDER = Path(__file__).resolve().parents[3] / "envs"
PLATFORM = "linux-64"
# What train-cuda.yaml is solved for, whether or not this machine has a GPU; the others are for
# CPUs.
CUDA = "12.9"


def write(environment: Path, channels: list[str] | None = None) -> list[Path]:
    """Solve an environment file and write its pin file and, where pip has a part, the script that
    installs that.

    Parameters
    ----------
    environment
        The YAML file.
    channels
        Names or URLs to use in place of those in the file.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    InputError
        No channel answers, or nothing satisfies the file.
    """
    content = yaml.safe_load(environment.read_text(encoding="utf-8"))
    specs = [entry for entry in content["dependencies"] if isinstance(entry, str)]
    named = channels or [name for name in content["channels"] if name != "nodefaults"]
    urls = asyncio.run(_solve(environment, specs, named))
    target = environment.with_suffix(f".{PLATFORM}.pin.txt")
    write_text(target, "\n".join([f"# platform: {PLATFORM}", "@EXPLICIT", *urls]) + "\n")
    from_pip = [
        entry for part in content["dependencies"] if isinstance(part, dict) for entry in part["pip"]
    ]
    if not from_pip:
        return [target]
    script = environment.with_suffix(".post-deploy.sh")
    write_text(
        script,
        "#!/usr/bin/env bash\nset -euo pipefail\npython -m pip install --no-deps"
        f" {' '.join(from_pip)}\n",
    )
    return [target, script]


async def _solve(environment: Path, specs: list[str], channels: list[str]) -> list[str]:
    try:
        rattler: Any = importlib.import_module("rattler")
    except ModuleNotFoundError:
        raise InputError(
            found="the solver py-rattler is not installed",
            where="this Python",
            why="pins are found by solving the environments",
            remedy="make pins installs it",
        ) from None
    os.environ["CONDA_OVERRIDE_CUDA"] = CUDA if environment.stem.endswith("-cuda") else ""
    try:
        found: list[Any] = await rattler.solve(
            channels,
            [rattler.MatchSpec(spec, strict=True) for spec in specs],
            platforms=[PLATFORM, "noarch"],
            virtual_packages=rattler.VirtualPackage.detect(
                rattler.VirtualPackageOverrides.from_env()
            ),
        )
    except Exception as error:  # py-rattler has a class for each layer between it and the network
        raise InputError(
            found=" ".join(str(error).split()),
            where=f"{environment.name}, channels {', '.join(channels)}",
            why="without an answer of the channels no package has an address",
            remedy=(
                "run it where the channels can be reached; where they answer, correct the versions"
                " in the file"
            ),
        ) from None
    return sorted(
        f"{record.url}#{record.md5.hex()}" if record.md5 else str(record.url) for record in found
    )


def main() -> int:
    """Write the pins of all environments; the first that cannot be had ends it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--channel",
        action="append",
        help="name or URL of a channel to use in place of those in the files; adds up",
    )
    options = parser.parse_args()
    try:
        for environment in sorted(FOLDER.glob("*.yaml")):
            for path in write(environment, options.channel):
                print(path)
    except InputError as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    # The solver's own threads may crash an interpreter that goes on to clean up.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
