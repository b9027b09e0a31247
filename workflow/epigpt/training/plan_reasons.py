"""Why a plan is as it is, a sentence each."""

from epigpt.training.memory_model import GB, MemoryModel, Strategy


def stage(layout: MemoryModel, way: Strategy, sizes: dict[str, int]) -> str:
    """Explain the ZeRO stage and where the optimizer lives."""
    states = (
        f"{(sizes['weights'] + sizes['gradients'] + sizes['optimizer']) / GB:.3g} GB of model"
        " states"
    )
    if way.offload != "none":
        home = {"cpu": "in the node's memory", "nvme": "on disk"}[way.offload]
        return (
            f"ZeRO 3 with the optimizer's {layout.optimizer(way) / GB:.3g} GB {home}: no stage fits"
            f" without; {states} stay on the device"
        )
    if way.stage == 2 and way.accumulates and layout.precision == "bf16":
        return (
            "ZeRO 2: the lowest stage that adds up the gradients of micro-batches in fp32;"
            f" {states} on each of {layout.world} devices"
        )
    if way.stage > layout.lowest_stage:
        return (
            f"ZeRO {way.stage}: the lowest stage that fits, {states} on each of {layout.world}"
            " devices"
        )
    if way.stage == 1:
        return (
            f"ZeRO 1: {states} fit on each device with the optimizer divided; stage 1 keeps the"
            " fp32 master weights of bf16"
        )
    alone = ", and DeepSpeed is left out" if layout.world == 1 else ""
    return f"ZeRO 0: {states} fit on one device, so nothing needs dividing{alone}"


def micro_batch(way: Strategy, share: int) -> str:
    """Explain the micro-batch."""
    how = (
        "with activation checkpointing" if way.checkpointing else "without activation checkpointing"
    )
    return (
        f"micro-batch {way.micro} of {share} per device and step: the largest divisor that fits"
        f" {how}"
    )
