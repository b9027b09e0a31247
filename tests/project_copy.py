"""A copy of the project as git would clone it, with what is not committed yet."""

import shutil
import subprocess
from pathlib import Path


def copy(root: Path, target: Path, tests: bool = True) -> Path:
    """Copy what git tracks or would track, links as links; return the copy's folder. An environment
    that is a link, which .gitignore's `.venv/` does not name, is left behind."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--exclude=.venv"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in listed:
        source = root / name
        # What is deleted and not committed is listed too.
        if (source.is_symlink() or source.is_file()) and (tests or not name.startswith("tests/")):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)
    return target
