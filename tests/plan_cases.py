"""The models and the work that plans are made for."""

from dataclasses import replace

from epigpt.models import presets
from epigpt.training import plan
from epigpt.training.memory_model import GB, MemoryBudget

WORK = plan.Workload(
    examples=4000, length=1024, vocabulary=50_257, classes=2, epochs=3, global_batch_size=64
)


def xl(hardware: str, **changes: object) -> plan.Plan:
    chosen = presets.hardware(hardware)
    return plan.make(
        presets.load("gpt2-xl"),
        chosen,
        replace(WORK, **changes),
        MemoryBudget(int(chosen.device_memory_gb * GB)),
    )  # type: ignore[arg-type]
