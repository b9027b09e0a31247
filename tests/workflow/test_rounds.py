"""How often Snakemake looks for jobs to start: after a job has ended, not every second as well."""

import pytest

SETS = 5


def looks(workflow, root, *options: str) -> int:
    """Count the looks of a run in which most jobs wait for a processor."""
    rows = [{"dataset": f"set{at}", "source": "GSE9000001"} for at in range(SETS)]
    mirror = (root / "config" / "demo" / "geo-mirror").as_uri()
    done = workflow.run(
        "fetch",
        "--cores",
        "1",
        "--verbose",
        *options,
        config={"geo": {"base_url": mirror}},
        rows=rows,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert output.count("Finished jobid: ") == SETS + 1, output
    return output.count("Ready jobs: ")


@pytest.mark.slow
def test_a_look_for_each_job_that_ends(workflow, root):
    assert looks(workflow, root) <= SETS + 1


@pytest.mark.slow
def test_a_limit_that_the_user_names_is_kept(workflow, root):
    assert looks(workflow, root, "--max-jobs-per-timespan", "50/1s") > SETS + 1
