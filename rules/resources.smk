"""What jobs ask a machine or a scheduler for.

Purpose: memory, time, devices and nodes, growing with each attempt; what follows from them inside a job.
Inputs: none.
Outputs: none.
"""

@signed
def checkpoint_minutes(wildcards, resources):
    """Give the minutes between checkpoints: 15, or what the resource checkpoint_seconds says; no result depends on them."""
    return resources.get("checkpoint_seconds", 900) / 60


@signed
def threads_per_process(wildcards, threads):
    """Share a job's cores among the training processes of a node."""
    return max(1, threads // HARDWARE.devices)


def training_resources():
    """Translate the hardware preset into what Snakemake asks a scheduler for; every amount is per node."""
    needed = {
        "mem_mb": with_attempt(4000 * HARDWARE.devices),
        # Short at first, which schedulers favour; a job that ran out of time goes on from its checkpoint with four times as much.
        "runtime": signed(
            lambda wildcards, attempt: min(
                120 * 4 ** (attempt - 1), int(HARDWARE.hours * 60)
            )
        ),
    }
    if HARDWARE.device == "cuda":
        needed["gres"] = f"{site('gpu_gres', 'gpu')}:{HARDWARE.devices}"
        needed["mem_mb"] = int(HARDWARE.node_memory_gb * 1000)
        needed["slurm_partition"] = site("gpu_partition", "gpu")
    elif "local_gpu" in workflow.global_resources:
        needed["local_gpu"] = 1
    if HARDWARE.nodes > 1:
        # tasks_per_gpu=0, or the executor asks for tasks per GPU beside the tasks.
        needed |= {
            "nodes": HARDWARE.nodes,
            "tasks": HARDWARE.nodes,
            "tasks_per_gpu": 0,
            "mpi": "srun",
        }
    return needed


def refitting_resources():
    """Ask for one device: folds and permutations are fitted, and folds explained, one after the other by a single process."""
    needed = {"mem_mb": with_attempt(4000), "runtime": with_attempt(240)}
    if HARDWARE.device == "cuda":
        needed["gres"] = f"{site('gpu_gres', 'gpu')}:1"
        needed["mem_mb"] = int(
            HARDWARE.node_memory_gb * 1000 / max(1, HARDWARE.devices)
        )
        needed["slurm_partition"] = site("gpu_partition", "gpu")
    elif "local_gpu" in workflow.global_resources:
        needed["local_gpu"] = 1
    return needed


def with_attempt(amount):
    """Let memory or time grow with each retry."""
    return signed(lambda wildcards, attempt: amount * attempt)
