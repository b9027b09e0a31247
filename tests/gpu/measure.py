"""What a GPU reaches with GPT-2 XL and what it takes of it, against the plan: a table in Markdown.

tests/gpu/measure.sh                       # on a machine with a GPU
python tests/gpu/measure.py --rehearse     # the same with `tiny`, on a CPU, to see that it runs
"""

import argparse
import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

import synthetic_tokens
from epigpt.models import presets
from epigpt.training import launch, training_loop

STEPS = 12
# Steps whose speed counts: the first ones allocate.
STEADY = 4


@dataclass(frozen=True)
class Case:
    """One training that is measured."""

    model: str
    tuning: str
    batch: int
    length: int


CASES = (
    Case("gpt2-xl", "lora", 16, 128),
    Case("gpt2-xl", "lora", 16, 1024),
    Case("gpt2-xl", "full", 16, 128),
    Case("gpt2-xl", "full", 16, 1024),
    Case("tiny", "full", 16, 64),
)
COLUMNS = (
    "model",
    "tuning",
    "batch × tokens",
    "tokens/s",
    "of the peak, %",
    "memory, GB",
    "planned, GB",
    "build, s",
    "a step, s",
    "loss, first to last",
)


def main() -> None:
    """Measure case after case while there is time, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=420)
    parser.add_argument("--rehearse", action="store_true", help="with tiny, whatever the device")
    options = parser.parse_args()
    if not torch.cuda.is_available() and not options.rehearse:
        raise SystemExit("no GPU: torch.cuda.is_available() is false (see --rehearse)")
    for line in rows(options.seconds, options.rehearse):
        print(line, flush=True)


def rows(seconds: float, rehearse: bool) -> Iterator[str]:
    """Yield the table line by line."""
    began = time.monotonic()
    placement = launch.start(4)
    cuda = placement.device.type == "cuda"
    name = torch.cuda.get_device_name(placement.device) if cuda else "CPU"
    yield f"# Measured on: {name}\n\ntorch {torch.__version__}, {STEPS} steps each.\n"
    yield "| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|"
    for case in CASES:
        if time.monotonic() - began > seconds:
            yield f"\nNot measured for want of time: {case} and what follows."
            return
        chosen = Case("tiny", case.tuning, case.batch, 64) if rehearse else case
        yield "| " + " | ".join(measured(chosen, placement)) + " |"
    yield f"\n{time.monotonic() - began:.0f} s in all."


def measured(case: Case, placement: launch.Placement) -> list[str]:
    """Train a case for some steps; return its row."""
    cuda = placement.device.type == "cuda"
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(placement.device)
    built = time.monotonic()
    session = synthetic_tokens.session(
        presets.load(case.model),
        synthetic_tokens.store(64, case.length, 1000),
        placement,
        case.tuning,
        precision="auto",
        global_batch_size=case.batch,
        steps=STEPS,
    )
    built = time.monotonic() - built
    lines: list[dict[str, float]] = []
    training_loop.train(session, lambda **fields: lines.append(fields))
    steady = sorted(line["seconds"] for line in lines[STEADY:])
    step = steady[len(steady) // 2]
    tokens = case.batch * case.length / step
    share = 100 * tokens * session.operations / session.peak if session.peak else float("nan")
    row = [
        case.model,
        case.tuning,
        f"{case.batch} × {case.length}",
        f"{tokens:,.0f}",
        f"{share:.0f}",
        f"{lines[-1]['memory_bytes'] / 1e9:.1f}",
        f"{session.plan.bytes['total'] / 1e9:.1f}",
        f"{built:.1f}",
        f"{step:.4f}",
        f"{lines[0]['loss']:.3f} to {lines[-1]['loss']:.3f}",
    ]
    del session
    gc.collect()
    return row


if __name__ == "__main__":
    main()
