"""What surrounds a running stage: host, versions of what it imported, GPUs and the energy they
took."""

import os
import platform
import resource
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any

# Marks the line of a log that holds the record; provenance looks for it.
MARK = "job record "


class JobMeter:
    """Watches a job from its start; `record()` tells what it saw.

    The energy is the integral of the power that the driver reports every `seconds`, over the GPUs
    that the job may use on its first node. Machines without a driver have no energy in their
    record.
    """

    def __init__(self, seconds: float = 5.0) -> None:
        self._began = time.monotonic()
        self._seconds = seconds
        self._joules = 0.0
        self._names: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        last, watts = time.monotonic(), _power()
        while watts and not self._ended.wait(self._seconds):
            now, latest = time.monotonic(), _power()
            for uuid in latest.keys() & _used(latest):
                self._joules += (
                    (now - last) * (watts.get(uuid, latest[uuid])[1] + latest[uuid][1]) / 2
                )
            self._names = [latest[uuid][0] for uuid in _used(latest)]
            last, watts = now, latest

    def record(self) -> dict[str, Any]:
        """Return the record of the job so far.

        Returns
        -------
        dict
            `host`, `python`, `seconds` of the stage itself, `cpu_seconds` and `max_rss_mb` of its
            process, `versions` of the packages that it or the warm process before it imported and,
            where there is a driver, `gpus` and `energy_joules`.
        """
        self._ended.set()
        self._thread.join(timeout=1)
        measured: dict[str, Any] = {
            "host": platform.node(),
            "python": platform.python_version(),
            "seconds": round(time.monotonic() - self._began, 1),
            # Snakemake measures from outside, where a job of the warm process is not seen.
            "cpu_seconds": round(sum(os.times()[:4]), 2),
            "max_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            "versions": imported_versions(),
        }
        if slurm := os.environ.get("SLURM_JOB_ID"):
            measured["slurm_job"] = slurm
        if self._names:
            measured |= {"gpus": self._names, "energy_joules": round(self._joules)}
        return measured


def imported_versions() -> dict[str, str]:
    """Return the versions of the packages outside the standard library that this process has
    imported, by import name."""
    versions = {}
    for name, module in list(sys.modules.items()):
        version = vars(module).get("__version__") if hasattr(module, "__dict__") else None
        if (
            "." not in name
            and name not in sys.stdlib_module_names
            and not name.startswith("_")
            and isinstance(version, str)
        ):
            versions[name] = version
    return dict(sorted(versions.items()))


def _power() -> dict[str, tuple[str, float]]:
    """Ask the driver for name and power in watts of each GPU, by UUID; nothing without a driver."""
    found = {}
    with suppress(OSError, subprocess.SubprocessError):
        asked = subprocess.run(
            ["nvidia-smi", "--query-gpu=uuid,name,power.draw", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        for line in asked.stdout.splitlines():
            uuid, name, watts = (part.strip() for part in line.split(","))
            with suppress(ValueError):  # "[N/A]" where a GPU does not measure it
                found[uuid] = (name, float(watts))
    return found


def _used(present: dict[str, tuple[str, float]]) -> list[str]:
    """List those that this job may use: by index or UUID, as CUDA reads the variable."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return list(present)
    by_index = {str(index): uuid for index, uuid in enumerate(present)}
    return [
        by_index.get(name, name)
        for name in allowed.split(",")
        if by_index.get(name, name) in present
    ]
