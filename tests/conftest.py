"""Fixtures that every test folder may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout's root."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with larger test material that is no part of the project; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("EPIGPT_SHARED", ROOT.parent / "shared"))
    if not (folder / "geo-mirror").is_dir():
        pytest.skip(f"no test material at {folder} (set EPIGPT_SHARED)")
    return folder
