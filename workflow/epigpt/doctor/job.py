"""What a job gets: run inside one, on a compute node, with what training jobs ask for."""

import os

from epigpt.doctor.finding import Finding

_CUDA_BUILD = (
    "install a CUDA build: pip install torch without the +cpu build; with --sdm conda set"
    " CONDA_OVERRIDE_CUDA=12.9 where the environments are made and make them anew"
)


def look() -> list[Finding]:
    """Return which job this is, which GPUs it was given, and whether PyTorch computes on each of
    them."""
    import torch

    given = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    devices = torch.cuda.device_count()
    return [_job(), _gpus(given, devices), *_pytorch(bool(given), devices)]


def _job() -> Finding:
    number = os.environ.get("SLURM_JOB_ID")
    if number is None:
        remedy = (
            "start it through the scheduler: srun --partition=gpu --gres=gpu:h100:1"
            " .venv/bin/epigpt doctor --job"
        )
        return Finding("job", "warning", "this is not a SLURM job", remedy)
    return Finding(
        "job", "ok", f"SLURM job {number} on {os.environ.get('SLURMD_NODENAME', 'this node')}"
    )


def _gpus(given: str, devices: int) -> Finding:
    if given:
        return Finding("GPUs of the job", "ok", f"CUDA_VISIBLE_DEVICES={given}")
    if devices:
        return Finding(
            "GPUs of the job", "ok", "CUDA_VISIBLE_DEVICES is not set: every GPU of the node"
        )
    return Finding(
        "GPUs of the job", "warning", "none", "ask for one as the profile does: --gres=gpu:h100:1"
    )


def _pytorch(given: bool, devices: int) -> list[Finding]:
    import torch

    build = f"PyTorch {torch.__version__}, built for " + (
        f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPUs"
    )
    if not devices:
        if torch.version.cuda is None:
            # Without a GPU in the job nothing is wrong yet, but none could be used either.
            return [Finding("torch.cuda", "problem" if given else "warning", build, _CUDA_BUILD)]
        remedy = (
            "compare the driver (nvidia-smi) with the CUDA version; ask for a GPU if the job has"
            " none"
        )
        return [
            Finding(
                "torch.cuda", "problem" if given else "warning", f"{build}, sees no GPU", remedy
            )
        ]
    findings = [Finding("torch.cuda", "ok", f"{build}, sees {devices}")]
    for index in range(devices):
        subject, shown = f"GPU {index}", torch.cuda.get_device_properties(index)
        try:
            ones = torch.ones(256, 256, device=f"cuda:{index}", dtype=torch.bfloat16)
            works = bool(((ones @ ones) == 256).all())
        except RuntimeError as error:
            findings.append(
                Finding(
                    subject,
                    "problem",
                    str(error).splitlines()[0],
                    "report the node to the site's administrator",
                )
            )
            continue
        text = f"{shown.name}, {shown.total_memory / 1e9:.0f} GB"
        findings.append(
            Finding(subject, "ok", f"{text}, multiplies matrices")
            if works
            else Finding(
                subject,
                "problem",
                f"{text}, multiplies wrongly",
                "report the node to the site's administrator",
            )
        )
    if devices > 1 and not torch.distributed.is_nccl_available():
        findings.append(Finding("NCCL", "problem", "missing from this PyTorch", _CUDA_BUILD))
    return findings
