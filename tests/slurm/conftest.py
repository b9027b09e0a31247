"""A cluster for the tests of this folder; they are skipped where none can be started, and `make test-slurm` installs what it takes."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("slurm_cluster", Path(__file__).with_name("cluster.py"))
cluster = importlib.util.module_from_spec(_spec)
sys.modules["slurm_cluster"] = cluster
_spec.loader.exec_module(cluster)


@pytest.fixture(scope="session")
def slurm(tmp_path_factory) -> Iterator:
    """Four nodes as large as those the presets are made for: what is asked for can be had, while the jobs are small."""
    if reason := cluster.missing():
        pytest.skip(reason)
    started = cluster.Cluster(tmp_path_factory.mktemp("cluster"), nodes=5, cpus=128, memory_mb=2_000_000, gpus=8)
    yield started
    started.stop()
