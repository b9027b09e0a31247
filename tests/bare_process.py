"""Code in a process of its own, which has imported nothing of the project."""

import os
import subprocess
import sys
from pathlib import Path


def run(code: str, root: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code beside the package of a checkout, with further environment variables."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **variables, "PYTHONPATH": str(root / "workflow")},
        capture_output=True,
        text=True,
        check=False,
    )
