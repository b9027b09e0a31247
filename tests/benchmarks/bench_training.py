"""Speed of the training loop against a bare PyTorch loop and the transformers Trainer; plans
against measured memory; start-up time.

Ratios within one run, the medians over interleaved rounds: other work on the machine then weighs on
all alike.
"""

import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import plain_trainer
from transformers import Trainer, TrainerCallback

import synthetic_tokens
from epigpt.models import classifier, presets
from epigpt.training import batches, engine, launch, training_loop

SMALL = replace(
    presets.load("tiny"), name="small", layers=8, width=256, heads=8
)  # 7 million parameters
BATCH, LENGTH, STEPS, ROUNDS = 8, 128, 2, 25
VARIED_STEPS, VARIED_ROUNDS = 6, 5
PRECISION_STEPS, PRECISION_ROUNDS = 3, 3
# Model, tuning, precision, ZeRO stage, micro-batch, checkpointing.
MEASURED = [
    ("gpt2", "full", "fp32", 0, 4, False),
    ("gpt2", "full", "fp32", 1, 4, False),
    ("gpt2", "full", "fp32", 0, 4, True),
    ("gpt2", "full", "bf16", 1, 4, False),
    ("gpt2", "lora", "fp32", 0, 4, False),
    ("gpt2", "lora", "bf16", 1, 4, True),
]


def bare(
    session: training_loop.Session, model: torch.nn.Module, fused: bool = True
) -> Callable[[], float]:
    """A plain loop over the same batches: real tokens per second."""
    optimizer = (
        engine.optimizer(model, session.recipe)
        if fused
        else torch.optim.AdamW(model.parameters(), lr=session.recipe.rates.matrices)
    )
    order = batches.Order(
        session.examples.lengths, session.plan.global_batch_size, session.recipe.seed
    )

    def run() -> float:
        tokens, began = 0, time.perf_counter()
        for step in range(STEPS):
            for batch in batches.micro_batches(
                session.store, session.examples, session.plan, order.step(step), 0
            ):
                labels, weights = batch.pop("labels"), batch.pop("weights")
                loss = training_loop.weighted_loss(
                    model(**batch).logits, labels, weights, session.recipe.label_smoothing
                )
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), session.recipe.gradient_clipping)
                tokens += int(batch["attention_mask"].sum())
            optimizer.step()
            optimizer.zero_grad()
        return tokens / (time.perf_counter() - began)

    return run


def ours(session: training_loop.Session) -> Callable[[], float]:
    """Our loop: real tokens per second."""
    tokens = _tokens(session)

    def run() -> float:
        began = time.perf_counter()
        training_loop.train(session, lambda **_: None)
        return tokens / (time.perf_counter() - began)

    return run


def _tokens(session: training_loop.Session) -> int:
    order = batches.Order(
        session.examples.lengths, session.plan.global_batch_size, session.recipe.seed
    )
    return sum(
        int(session.examples.lengths[order.step(step)].sum()) for step in range(session.plan.steps)
    )


class _Clock(TrainerCallback):
    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.began = time.perf_counter()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.seconds = time.perf_counter() - self.began


def trainer(store: Any, model: torch.nn.Module, folder: str, steps: int) -> Callable[[], float]:
    """The Trainer as it comes, padding each batch to its longest: real tokens per second."""
    rows = [{"row": number, "labels": number % 2} for number in range(len(store.index))]
    seen: list[int] = []

    def collate(examples: list[dict[str, int]]) -> dict[str, torch.Tensor]:
        chosen = np.array([example["row"] for example in examples])
        batch = batches.collate(store, chosen, np.zeros(len(chosen), dtype=np.int64))
        seen.append(int(batch["attention_mask"].sum()))
        return {**batch, "labels": torch.tensor([example["labels"] for example in examples])}

    def run() -> float:
        seen.clear()
        clock = _Clock()
        # Our process group's variables would make it wrap the model for several processes.
        group = {name: os.environ.pop(name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
        options = plain_trainer.arguments(folder, BATCH, steps)
        with contextlib.redirect_stdout(io.StringIO()):
            Trainer(model, options, collate, train_dataset=rows, callbacks=[clock]).train()  # type: ignore[arg-type]
        os.environ.update(group)
        return sum(seen[:steps]) / clock.seconds

    return run


def interleaved(runs: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Figures of this many short rounds after one to warm up: what slows the machine for seconds then
    weighs on all runs of a round."""
    figures: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            measured = run()
            if number:
                figures[name].append(measured)
    return figures


def ratio(figures: dict[str, list[float]], ours: str, other: str) -> str:
    """Median of the rounds' ratios, and the middle half of them."""
    low, middle, high = np.percentile(
        [a / b for a, b in zip(figures[ours], figures[other], strict=True)], [25, 50, 75]
    )
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def medians(figures: dict[str, list[float]]) -> str:
    """Tokens per second."""
    return ", ".join(f"{name} {median(values):,.0f}" for name, values in figures.items())


def _model(store: Any) -> torch.nn.Module:
    return classifier.build(
        classifier.configuration(SMALL, "gene-tokens", store.size, LENGTH, ["a", "b"]), 1
    )


def speed(placement: launch.Placement) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = synthetic_tokens.store(BATCH * STEPS, LENGTH, 1000)
        sessions = {
            f"ZeRO {stage}": synthetic_tokens.session(
                SMALL, store, placement, global_batch_size=BATCH, zero_stage=stage, steps=STEPS
            )
            for stage in (0, 1, 2, 3)
        }
        runs = {name: ours(session) for name, session in sessions.items()}
        runs |= {
            "bare loop": bare(sessions["ZeRO 0"], _model(store)),
            "unfused AdamW": bare(sessions["ZeRO 0"], _model(store), fused=False),
            "Trainer": trainer(store, _model(store), folder, STEPS),
        }
        found = interleaved(runs, ROUNDS)
        print(f"fixed length, tokens/s: {medians(found)}")
        for stage, bound in ((0, 0.95), (1, 0.95), (2, 0.90)):
            print(
                f"  ZeRO {stage} = {ratio(found, f'ZeRO {stage}', 'bare loop')} x the bare loop"
                f" (bound {bound})"
            )
        print(f"  ZeRO 0 = {ratio(found, 'ZeRO 0', 'Trainer')} x the Trainer (bound 1.0)")
        print(
            f"  the Trainer = {ratio(found, 'Trainer', 'unfused AdamW')} x a bare loop whose AdamW"
            " is not fused"
        )
        store = synthetic_tokens.store(BATCH * VARIED_STEPS * 8, LENGTH, 1000, shortest=8)
        session = synthetic_tokens.session(
            SMALL, store, placement, global_batch_size=BATCH, zero_stage=0, steps=VARIED_STEPS
        )
        found = interleaved(
            {"ours": ours(session), "Trainer": trainer(store, _model(store), folder, VARIED_STEPS)},
            VARIED_ROUNDS,
        )
        print(f"varied length, real tokens/s: {medians(found)}")
        print(f"  ours = {ratio(found, 'ours', 'Trainer')} x the Trainer's default (bound 1.4)")


def precisions(placement: launch.Placement) -> None:
    for width in (64, 256, 768):
        preset = replace(SMALL, layers=4, width=width, heads=8)
        store = synthetic_tokens.store(BATCH * PRECISION_STEPS, LENGTH, 1000)
        runs = {}
        for precision, stage in (("fp32", 0), ("bf16", 1)):
            session = synthetic_tokens.session(
                preset,
                store,
                placement,
                global_batch_size=BATCH,
                precision=precision,
                zero_stage=stage,
                steps=PRECISION_STEPS,
            )
            runs[precision] = ours(session)
        found = interleaved(runs, PRECISION_ROUNDS)
        print(f"width {width}: bf16 = {ratio(found, 'bf16', 'fp32')} x fp32")


def memory() -> None:
    for number, case in enumerate(MEASURED):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        ran = subprocess.run(
            [sys.executable, __file__, "--memory", str(number)],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        if ran.returncode:
            print(f"{case}: {ran.stderr[-500:]}")
            continue
        figures = json.loads(ran.stdout.splitlines()[-1])
        planned, measured = figures["planned"] / 1e9, figures["measured"] / 1e9
        print(
            f"{case}: planned {planned:.2f} GB, measured {measured:.2f} GB,"
            f" {measured / planned:.2f} (bound 0.85 to 1.15)"
        )


def measure(number: int) -> None:
    name, tuned, precision, stage, micro, checkpointing = MEASURED[number]
    placement = launch.start(1)
    store = synthetic_tokens.store(8, 256, 10_000)
    session = synthetic_tokens.session(
        presets.load(name),
        store,
        placement,
        tuned,
        global_batch_size=micro,
        precision=precision,
        zero_stage=stage,
        micro_batch_size=micro,
        activation_checkpointing=checkpointing,
        steps=2,
    )
    from epigpt.training.memory_model import MemoryModel, Strategy

    made = session.plan
    layout = MemoryModel(
        presets.load(name), made.parameters, made.trained, precision, 1, 256, "cpu", tuned == "lora"
    )
    planned = layout.memory(Strategy(stage, micro, checkpointing))["total"]
    training_loop.train(session, lambda **_: None)
    print(
        json.dumps(
            {
                "planned": planned,
                "measured": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    )


def start_up() -> None:
    program = (
        "import sys, time; began = time.perf_counter()\n"
        + f"sys.path.insert(0, {str(Path(__file__).resolve().parents[1])!r})\nimport"
        " synthetic_tokens\nfrom epigpt.models import presets\nfrom epigpt.training import fit,"
        " launch, training_loop\nplacement = launch.start(1)\nsession ="
        " synthetic_tokens.session(presets.load('tiny'), synthetic_tokens.store(16, 256, 1000),"
        " placement, steps=1)\ntraining_loop.train(session, lambda **_: None)\nprint(time.perf_counter()"
        " - began)\n"
    )
    seconds = []
    for _ in range(3):
        ran = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        seconds.append(float(ran.stdout.splitlines()[-1]))
    print(f"start-up of a training job, import to first step: {median(seconds):.1f} s (bound 12)")


def main() -> None:
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    start_up()
    memory()
    placement = launch.start(1)
    speed(placement)
    precisions(placement)
    launch.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        measure(int(sys.argv[2]))
    else:
        main()
