"""The plan in DeepSpeed's words."""

from typing import Any

from epigpt.training.memory_model import (
    BUCKET_ELEMENTS,
    GATHERED_ELEMENTS,
    SWAPPED_ELEMENTS,
    Strategy,
)
from epigpt.training.plan import Plan


def deepspeed_config(
    plan: Plan, gradient_clipping: float, swap: str = "", *, overlaps: bool = False
) -> dict[str, Any]:
    """Return the configuration that `deepspeed.initialize` takes. Clipping is always named: its
    default is not 'none'.

    Parameters
    ----------
    swap
        Folder for the optimizer's state where the plan puts it on disk.
    overlaps
        Whether gradients are exchanged while others are still computed, which takes a GPU's
        streams; off in stages 1 and 2 unless named.
    """
    zero: dict[str, Any] = {"stage": plan.zero_stage}
    if overlaps and plan.world_size > 1 and plan.zero_stage > 0:
        zero["overlap_comm"] = True
    if plan.world_size == 1 and plan.zero_stage in (1, 2):
        # Nothing is exchanged, so gradients need no copy that lies in one piece: a tenth of a step
        # on a CPU.
        zero["contiguous_gradients"] = False
    if plan.offload == "cpu":
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": True}
    elif plan.offload == "nvme":
        zero["offload_optimizer"] = {"device": "nvme", "nvme_path": swap}
        zero |= {
            "sub_group_size": SWAPPED_ELEMENTS,
            "reduce_bucket_size": BUCKET_ELEMENTS,
            "stage3_prefetch_bucket_size": BUCKET_ELEMENTS,
            "stage3_max_live_parameters": GATHERED_ELEMENTS,
            "stage3_max_reuse_distance": GATHERED_ELEMENTS,
        }
    config: dict[str, Any] = {
        "train_batch_size": plan.global_batch_size,
        "train_micro_batch_size_per_gpu": plan.micro_batch_size,
        "gradient_accumulation_steps": plan.accumulation,
        "gradient_clipping": gradient_clipping,
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "bf16": {"enabled": plan.precision == "bf16"},
        "steps_per_print": 2**31,
        "wall_clock_breakdown": False,
    }
    cut = Strategy(
        plan.zero_stage,
        plan.micro_batch_size,
        plan.activation_checkpointing,
        plan.offload,
        accumulates=plan.accumulation > 1,
    )
    if plan.precision == "bf16" and cut.accumulates_in_fp32:
        config["data_types"] = {"grad_accum_dtype": "fp32"}
    return config
