"""What jobs ask a machine or a scheduler for.

Purpose: memory, time, devices and nodes, growing with each attempt.
Inputs: the hardware preset that --config hardware=NAME or the profile names, else this machine.
Outputs: none.
"""


def site(key, otherwise):
    """Return what the profile says of its site: an entry of its default resources."""
    resources = workflow.resource_settings.default_resources or {}
    return str(resources[key].raw) if key in resources else otherwise


def grows(mem_mb, minutes):
    """Return memory and time that grow with each attempt."""
    return {"mem_mb": training_job.growing(mem_mb), "runtime": training_job.growing(minutes)}


def training_resources():
    """Return what a training on all of the hardware asks for."""
    return training_job.requests(HARDWARE, SITE) | local_gpu()


def models_resources():
    """Return what the job of all fits of a data set asks for; no GPU where there is nothing to
    train."""
    plain = {**grows(2000, 30), "slurm_partition": site("slurm_partition", None)}
    return training_job.with_tokens(training_resources(), plain)


def refitting_resources():
    """Return what one process asks for that fits folds and permutations one after the other."""
    return grows(4000, 240) | training_job.devices(HARDWARE, 1, SITE) | local_gpu()


def local_gpu():
    """Return one of this machine's GPUs, where no scheduler gives them out."""
    free = HARDWARE.device != "cuda" and "local_gpu" in workflow.global_resources
    return {"local_gpu": 1} if free else {}


def on_hardware(stage, resources, threads):
    """Return what starts a training on the chosen hardware."""
    asked = dict(resources.items())
    return training_job.start(HARDWARE, SHELL.python, stage, asked, threads)
