"""How often Snakemake looks for jobs to start."""

from typing import Any


def spare(workflow: Any) -> None:
    """Lift Snakemake's limit of 100 jobs a second, unless the user names another.

    To keep it, every look at the queue begets another one a second later, beside those after a job
    has finished: soon there are dozens a second, each of which weighs every job that waits.

    Parameters
    ----------
    workflow
        Snakemake's, once it schedules.
    """
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
