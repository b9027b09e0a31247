"""Fetch where there is a network, compute where there is none."""

import functools
import http.server
import shutil
import subprocess
import threading

import pytest

from quick_run import CONFIG, ROW

# Training processes meet over the loopback device, which every machine has.
CUT_OFF = ["unshare", "--net", "--map-root-user", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]


@pytest.fixture
def mirror(root, tmp_path):
    """A server with the demo's series; gives its address and ends with the test."""
    folder = tmp_path / "served"
    shutil.copytree(root / "config" / "demo" / "geo-mirror", folder / "geo")
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/geo"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_compute_jobs_need_no_network(workflow, mirror):
    if subprocess.run([*CUT_OFF, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody make a network namespace")
    fetched = workflow.run(
        "fetch", config={**CONFIG, "geo": {"base_url": mirror, "retries": 0}}, rows=[ROW]
    )
    assert fetched.returncode == 0, fetched.stderr
    assert {name.split("/")[1] for name in workflow.results()} == {"geo"}
    # The same address leads nowhere from inside.
    asked = [
        "python3",
        "-c",
        f"import urllib.request; urllib.request.urlopen({mirror!r}, timeout=5)",
    ]
    assert subprocess.run([*CUT_OFF, *asked], check=False, capture_output=True).returncode == 1
    computed = workflow.run(
        "results/epilepsy/differential_expression.tsv",
        "results/epilepsy/models/tiny/repeat0/fold0/predictions.tsv",
        inside=CUT_OFF,
    )
    assert computed.returncode == 0, computed.stderr
    assert "download" not in {
        line.split()[0] for line in computed.stderr.splitlines() if line.startswith("localrule ")
    }
