"""A check, then what a GPU reaches with GPT-2 XL and what that takes of it, against the plan: a
table in Markdown. A case that fails is a row that says so; the others are measured all the same.

tests/gpu/measure.sh                        # on a machine with a GPU
tests/gpu/measure.sh OUTPUT --rehearse      # the same with `tiny`, on a CPU, to see that it runs
"""

import argparse
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import transformers

import synthetic_tokens
from epigpt.models import presets, resident, scoring
from epigpt.training import batches, launch, states, training_loop

STEPS = 12
# How far losses in bf16 may lie from those in fp32 over the same steps.
AGREEMENT = 0.05
# Micro-batches that are scored for the speed of scoring.
SCORED = 4
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
    "scoring, tokens/s",
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
    versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
    yield f"# Measured on: {name}\n\n{versions}, {STEPS} steps each.\n"
    for check in (_bf16_check, _shared_check):
        yield _tried(check, placement, "tiny" if rehearse else "gpt2")
    yield "| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|"
    for case in CASES:
        if time.monotonic() - began > seconds:
            yield f"\nNot measured for want of time: {case} and what follows."
            return
        chosen = Case("tiny", case.tuning, case.batch, 64) if rehearse else case
        try:
            row = measured(chosen, placement)
        except Exception as error:
            row = [chosen.model, chosen.tuning, f"{chosen.batch} × {chosen.length}"]
            row += [_reason(error), *[""] * (len(COLUMNS) - 4)]
        gc.collect()
        yield "| " + " | ".join(row) + " |"
    yield f"\n{time.monotonic() - began:.0f} s in all."


def _tried(
    check: Callable[[launch.Placement, str], str], placement: launch.Placement, model: str
) -> str:
    """Return what a check says; one that fails does not keep the figures from being measured."""
    try:
        return check(placement, model)
    except Exception as error:
        return f"{(check.__doc__ or '').partition(';')[0]}: {_reason(error)}\n"


def _reason(error: Exception) -> str:
    return f"failed: {type(error).__name__}: {' '.join(str(error).split())[:120]}"


def _bf16_check(placement: launch.Placement, model: str) -> str:
    """Train the same steps in fp32 and bf16; say how far the losses lie apart."""
    losses = {}
    for precision in ("fp32", "bf16"):
        session = synthetic_tokens.session(
            presets.load(model),
            synthetic_tokens.store(64, 64, 1000),
            placement,
            precision=precision,
            global_batch_size=16,
            steps=STEPS,
        )
        lines: list[dict[str, float]] = []
        training_loop.train(session, lambda lines=lines, **fields: lines.append(fields))
        losses[precision] = torch.tensor([line["loss"] for line in lines])
    apart = float((losses["fp32"] - losses["bf16"]).abs().max())
    verdict = "agree" if apart < AGREEMENT else "DO NOT AGREE"
    return f"Losses of {model} in fp32 and bf16 {verdict}: at most {apart:.4f} apart.\n"


def _shared_check(placement: launch.Placement, model: str) -> str:
    """Train adapters alone, twice, and beside blocks that a fit before left on the device; compare.

    Kernels of a GPU may add in another order each time: fits alone say how far that goes.
    """
    resident.DEVICES = (placement.device.type,)
    trained = []
    for shared in (None, None, ("check", model), ("check", model)):
        session = synthetic_tokens.session(
            presets.load(model),
            synthetic_tokens.store(64, 64, 1000),
            placement,
            "lora",
            precision="bf16",
            global_batch_size=16,
            steps=STEPS,
            shared=shared,
        )
        training_loop.train(session, lambda **_fields: None)
        trained.append(states.weights(session.engine, copied=True))
    held = resident.find(("check", model))
    resident.forget()
    alone, again, _, beside = trained
    noise, apart = _apart(alone, again), _apart(alone, beside)
    verdict = "are the same" if held and apart <= 2 * noise else "ARE NOT THE SAME"
    return (
        f"Adapters of {model} beside blocks that a fit before left {verdict}: at most {apart:.1e}"
        f" from those of a fit alone, and two fits alone {noise:.1e} from each other.\n"
    )


def _apart(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    """Return the largest difference of two models' weights."""
    return max(
        float((weight.float() - second[name].float()).abs().max()) for name, weight in first.items()
    )


def _scoring_speed(session: training_loop.Session, placement: launch.Placement) -> float:
    """Return the tokens a second of scoring with the trained model as it lies on the device."""
    size = session.plan.micro_batch_size
    rows = np.arange(size) % len(session.store.index)
    batch = batches.collate(session.store, rows, np.zeros(size, dtype=np.int64))
    model = session.engine.module.eval()
    scoring.probabilities(model, [batch], placement.device)
    began = time.monotonic()
    scoring.probabilities(model, [batch] * SCORED, placement.device)
    return SCORED * batch["input_ids"].numel() / (time.monotonic() - began)


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
    return [
        case.model,
        case.tuning,
        f"{case.batch} × {case.length}",
        f"{tokens:,.0f}",
        f"{share:.0f}",
        f"{lines[-1]['memory_bytes'] / 1e9:.1f}",
        f"{session.plan.bytes['total'] / 1e9:.1f}",
        f"{built:.1f}",
        f"{step:.4f}",
        f"{_scoring_speed(session, placement):,.0f}",
        f"{lines[0]['loss']:.3f} to {lines[-1]['loss']:.3f}",
    ]


if __name__ == "__main__":
    main()
