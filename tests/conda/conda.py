"""Answers what Snakemake asks of `conda`, with py-rattler's solver and installer and every channel
served from one folder.

EPIGPT_CHANNEL names the folder of the channel, EPIGPT_PACKAGES one for what was unpacked from it.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import rattler
import yaml

BASE = Path(__file__).resolve().parent.parent
PLATFORMS = ["linux-64", "noarch"]


def main(asked: list[str]) -> None:
    if asked == ["--version"]:
        print("conda 25.1.1")
    elif asked[0] == "info":
        print(
            json.dumps(
                {"conda_prefix": str(BASE), "platform": "linux-64", "conda_version": "25.1.1"}
            )
        )
    elif asked[:2] == ["config", "--get"]:
        print(json.dumps({"get": {"channel_priority": "strict"}}))
    elif asked[:2] == ["env", "create"]:
        create(Path(asked[asked.index("--file") + 1]), Path(asked[asked.index("--prefix") + 1]))
    elif asked[:2] == ["list", "--explicit"]:
        listed = (Path(asked[asked.index("--prefix") + 1]) / "conda-meta").glob("*.json")
        print(
            "@EXPLICIT", *sorted(json.loads(path.read_text())["url"] for path in listed), sep="\n"
        )
    elif asked[0] not in ("config", "clean"):
        sys.exit(f"not expected of conda: {asked}")


def create(file: Path, prefix: Path) -> None:
    """Solve an environment file and install it, pip's part with pip, as conda does."""
    wanted = yaml.safe_load(file.read_text())["dependencies"]
    specs = [rattler.MatchSpec(entry, strict=True) for entry in wanted if isinstance(entry, str)]
    from_pip = [entry for part in wanted if isinstance(part, dict) for entry in part["pip"]]
    asyncio.run(install(specs, prefix))
    if from_pip:
        subprocess.run(
            [prefix / "bin/python", "-m", "pip", "install", "--no-deps", *from_pip], check=True
        )
    (prefix / "conda-meta/history").touch()


async def install(specs: list[rattler.MatchSpec], prefix: Path) -> None:
    channel = Path(os.environ["EPIGPT_CHANNEL"]).as_uri()
    found = await rattler.solve(
        [channel], specs, platforms=PLATFORMS, virtual_packages=rattler.VirtualPackage.detect()
    )
    await rattler.install(
        found,
        target_prefix=prefix,
        cache_dir=Path(os.environ["EPIGPT_PACKAGES"]),
        show_progress=False,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
    # The installer's own threads may crash an interpreter that goes on to clean up.
    sys.stdout.flush()
    os._exit(0)
