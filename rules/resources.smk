"""What jobs ask a machine or a scheduler for.

Purpose: memory, time, devices and nodes, growing with each attempt; how a training starts on the chosen hardware.
Inputs: the hardware preset that --config hardware=NAME or the profile names, else this machine.
Outputs: none.
"""


def site(key, otherwise):
    """Return what the profile says of its site: an entry of its default resources."""
    resources = workflow.resource_settings.default_resources or {}
    return str(resources[key].raw) if key in resources else otherwise


def read_hardware(own_torch):
    """Return the hardware preset that --config hardware=NAME or else the profile names, and what `model: auto` is chosen by.

    Without either it is this machine, with the GPUs that its PyTorch can use (`own_torch`: that of this interpreter).
    """
    named = workflow.config_settings.config.get("hardware") or site("hardware", "auto")
    if named != "auto":
        chosen = presets.hardware(named)
        gpu_gb = chosen.device_memory_gb if chosen.device == "cuda" else 0
        return chosen, choice.Devices(f"hardware {named}", int(gpu_gb * 1e9))
    found = gpus.usable(own_torch)
    if workflow.is_main_process and found.number:
        # One job per GPU at a time; which one a job gets is settled when it starts.
        workflow.register_resource("local_gpu", found.number)
    return presets.hardware("cpu"), choice.Devices("this machine", found.bytes_each, found.note)


def grows(mem_mb, minutes):
    """Return memory and time that grow with each attempt."""
    return {
        "mem_mb": signed(lambda wildcards, attempt: mem_mb * attempt),
        "runtime": signed(lambda wildcards, attempt: minutes * attempt),
    }


def training_resources():
    """Return the hardware preset as what Snakemake asks a scheduler for; every amount is per node."""
    needed = grows(4000 * HARDWARE.devices, 120) | devices(HARDWARE.devices)
    # Short at first, which schedulers favour; a job that ran out of time goes on from its checkpoint with four times as much.
    longest = int(HARDWARE.hours * 60)
    needed["runtime"] = signed(lambda wildcards, attempt: min(120 * 4 ** (attempt - 1), longest))
    if HARDWARE.nodes > 1:
        # tasks_per_gpu=0, or the executor asks for tasks per GPU beside the tasks.
        needed |= {"nodes": HARDWARE.nodes, "tasks": HARDWARE.nodes}
        needed |= {"tasks_per_gpu": 0, "mpi": "srun"}
    return needed


def refitting_resources():
    """Return what one device needs: folds and permutations are fitted one after the other by a single process."""
    return grows(4000, 240) | devices(1)


def devices(number):
    """Return what a job asks for beside cores: GPUs of a node, their share of its memory, and the partition that has them."""
    if HARDWARE.device == "cuda":
        return {
            "gres": f"{site('gpu_gres', 'gpu')}:{number}",
            "mem_mb": int(HARDWARE.node_memory_gb * 1000 * number / HARDWARE.devices),
            "slurm_partition": site("gpu_partition", "gpu"),
        }
    return {"local_gpu": 1} if "local_gpu" in workflow.global_resources else {}


def on_hardware(stage, resources, threads):
    """Return the command that starts a training on the chosen hardware.

    One device: the stage itself. Several on a node: torchrun. Several nodes: one srun task on each, which starts torchrun there.
    """
    start = PYTHON
    if HARDWARE.nodes > 1:
        srun = f"{resources.mpi} --nodes={resources.nodes} --ntasks={resources.tasks} --ntasks-per-node=1"
        srun += f" --cpus-per-task={threads} --kill-on-bad-exit=1"
        start = f"{srun} {PYTHON} -m epigpt.training.node --devices {HARDWARE.devices}"
    elif HARDWARE.devices > 1:
        start += f" -m torch.distributed.run --standalone --nproc-per-node={HARDWARE.devices}"
    # The dashes keep torchrun from taking the stage's options for its own, abbreviated.
    stop = "-- " if HARDWARE.nodes * HARDWARE.devices > 1 else ""
    # No result depends on the minutes between checkpoints.
    minutes = resources.get("checkpoint_seconds", 900) / 60
    share = max(1, threads // HARDWARE.devices)
    return (
        f"{start} -m {stop}epigpt.stages.{stage} --threads {share} --checkpoint-minutes {minutes}"
    )
