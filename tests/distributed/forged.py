"""Forks training processes from one that has imported everything. Reads a JSON line per task,
answers with the exit statuses."""

import json
import logging
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import peft  # noqa: F401 - imported before the forks
import torch

from epigpt.corpus import pretraining
from epigpt.encoding import token_dataset as token_store
from epigpt.models import classifier, presets, recipes
from epigpt.training import (
    batches,
    checkpoint,
    engine,
    fit,
    launch,
    parameter_count,
    plan,
    preparation,
    states,
    training_loop,
    tuning,
    untrained,
)
from epigpt.training.deepspeed_config import deepspeed_config
from epigpt.training.memory_model import GB, MemoryBudget
from epigpt.training.request import Request

launch.deepspeed()
Task = Callable[..., None]
# Against a hang; a machine with other work may take minutes for what takes seconds alone.
PATIENCE = 600


def train(
    output: str,
    folder: str,
    checkpoints: str,
    settings: dict[str, Any],
    stage: int = 0,
    minutes: float = 0,
    die: str = "",
) -> None:
    """Run a fit; `die` ends the process: "step 3" kills before that step, "save 3" amid the writing
    of a file, "term 3" asks politely."""
    made = plan.make
    plan.make = lambda *arguments: replace(made(*arguments), zero_stage=stage)
    where, _, when = die.partition(" ")
    if where == "step":
        _count(batches.Order, "step", int(when), lambda: os.kill(os.getpid(), signal.SIGKILL))
    elif where == "term":
        _count(batches.Order, "step", int(when), lambda: os.kill(os.getpid(), signal.SIGTERM))
    elif where == "save":
        _count(checkpoint, "_to_disk", int(when), lambda: os.kill(os.getpid(), signal.SIGKILL))
    base = Path(folder)
    logging.basicConfig(level=logging.INFO, filename=base / f"{output}.log")
    request = Request(
        base / "tokens",
        "repeat0/fold1",
        "tiny",
        base / checkpoints,
        base / output,
        settings,
        checkpoint_minutes=minutes,
    )
    fit.run(request, 1, logging.getLogger())


def pretrain(
    output: str,
    table: str,
    shards: str,
    settings: dict[str, Any],
    die: str = "",
    start: str = "",
) -> None:
    """Pretrain on a corpus; notes in `output`.seen what each step reads. "term 3" asks to stop
    before that step."""
    if die:
        at = int(die.removeprefix("term "))
        _count(batches.Order, "step", at, lambda: os.kill(os.getpid(), signal.SIGTERM))
    read = batches.collate
    rank = os.environ.get("RANK", "0")
    seen = Path(f"{output}.seen.{os.environ.get('WORLD_SIZE', '1')}.{rank}")

    def noted(store: Any, rows: np.ndarray, views: np.ndarray) -> dict[str, torch.Tensor]:
        with seen.open("a") as file:
            file.writelines(f"{row} {view}\n" for row, view in zip(rows, views, strict=True))
        return read(store, rows, views)

    batches.collate = noted
    logging.basicConfig(level=logging.INFO, filename=f"{output}.log")
    request = pretraining.Request(
        table=Path(table),
        shards=Path(shards),
        name="corpus",
        preset="tiny",
        checkpoints=Path(f"{output}.checkpoints"),
        output=Path(output),
        settings=settings,
        start=Path(start) if start else None,
        checkpoint_minutes=60,
    )
    pretraining.run(request, 1, logging.getLogger())


def _count(owner: Any, name: str, number: int, act: Callable[[], None]) -> None:
    original, calls = getattr(owner, name), [0]

    def counted(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            act()
        return original(*arguments)

    setattr(owner, name, counted)


def curves(folder: str, settings: dict[str, Any], steps: int) -> None:
    """Train with every ZeRO stage and with a plain loop over as many micro-batches as processes;
    write losses and weights."""
    placement = launch.start(1)
    store = token_store.load(Path(folder) / "tokens")
    examples, preset = batches.training_examples(store), presets.load("tiny")
    # Three rates, so that a group with another's would show.
    rates = recipes.LearningRates(1e-4, 2e-4, 5e-5)
    recipe = engine.Recipe(rates, seed=1, gradient_clipping=0.0)
    planned = replace(
        preparation.planned_for(preset, store, len(examples), settings, placement), steps=steps
    )
    for stage in range(4):
        chosen = replace(planned, zero_stage=stage)
        model = untrained.build("tiny", store, settings, "finetuned")
        session = training_loop.Session(
            engine.start(model, chosen, recipe, placement.device),
            store,
            examples,
            chosen,
            recipe,
            placement,
        )
        losses: list[float] = []
        training_loop.train(session, lambda loss, losses=losses, **_: losses.append(loss))
        _write(
            Path(folder) / f"curve{placement.world_size}-{stage}.npz",
            placement,
            losses,
            states.weights(session.engine),
        )
    if placement.is_first:
        _write(
            Path(folder) / f"curve{placement.world_size}-plain.npz",
            placement,
            *_plain(store, examples, planned, recipe, settings),
        )
    launch.stop()


def accumulated(folder: str, settings: dict[str, Any]) -> None:
    """Train in bf16 over micro-batches at the stages that add their gradients up in fp32."""
    placement = launch.start(1)
    store = token_store.load(Path(folder) / "tokens")
    examples, preset = batches.training_examples(store), presets.load("tiny")
    recipe = engine.Recipe(recipes.LearningRates(1e-3, 1e-3, 1e-3), seed=1)
    settings = {**settings, "precision": "bf16"}
    planned = preparation.planned_for(preset, store, len(examples), settings, placement)
    share = planned.global_batch_size // placement.world_size
    for stage in (2, 3):
        made = replace(planned, zero_stage=stage, steps=4, micro_batch_size=1, accumulation=share)
        model = untrained.build("tiny", store, settings, "finetuned")
        running = engine.start(model, made, recipe, placement.device)
        assert running.optimizer.gradient_accumulation_dtype is torch.float32
        session = training_loop.Session(running, store, examples, made, recipe, placement)
        losses: list[float] = []
        training_loop.train(session, lambda loss, losses=losses, **_: losses.append(loss))
        _write(
            Path(folder) / f"accumulated{stage}.npz",
            placement,
            losses,
            {name: weight.float() for name, weight in states.weights(running).items()},
        )
    if placement.is_first:
        _write(
            Path(folder) / "accumulated-plain.npz",
            placement,
            # Whole shares: their mean is that of the micro-batches.
            *_plain(store, examples, replace(planned, steps=4), recipe, settings),
        )
    launch.stop()


def _plain(
    store: token_store.TokenDataset,
    examples: batches.Examples,
    planned: plan.Plan,
    recipe: engine.Recipe,
    settings: dict[str, Any],
) -> tuple[list[float], dict[str, torch.Tensor]]:
    model = untrained.build("tiny", store, settings, "finetuned")
    optimizer = engine.optimizer(model, recipe)
    order = batches.Order(examples.lengths, planned.global_batch_size, recipe.seed)
    losses = []
    for step in range(planned.steps):
        engine.set_rates(optimizer, recipe, step, planned.steps)
        total = 0.0
        for rank in range(planned.world_size):
            for batch in batches.micro_batches(store, examples, planned, order.step(step), rank):
                labels, weights = batch.pop("labels"), batch.pop("weights")
                loss = (
                    training_loop.weighted_loss(
                        model(**batch).logits, labels, weights, recipe.label_smoothing
                    )
                    / planned.world_size
                )
                loss.backward()
                total += float(loss)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(total)
    return losses, dict(model.named_parameters())


def _write(
    path: Path, placement: launch.Placement, losses: list[float], weights: dict[str, torch.Tensor]
) -> None:
    if placement.is_first:
        np.savez(
            path,
            losses=losses,
            **{name: tensor.detach().numpy() for name, tensor in weights.items()},
        )


def adapters(folder: str, settings: dict[str, Any]) -> None:
    """Give the adapters of a LoRA model weights, merge them by our own hands and by peft's; both
    must say the same, loaded again."""
    store = token_store.load(Path(folder) / "tokens")
    for encoding, new_embedding in (("gene-values", True), ("gene-values", False)):
        preset = presets.load("tiny")
        model = untrained.build("tiny", store, settings, "finetuned")
        wrapped = tuning.prepare(model, "lora", new_embedding, seed=1)
        trained = sum(
            parameter.numel() for parameter in wrapped.parameters() if parameter.requires_grad
        )
        assert trained == parameter_count.trained_parameters(
            "lora", preset, store.size, 2, new_embedding=new_embedding
        ), encoding
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for name, parameter in wrapped.named_parameters():
                if parameter.requires_grad:
                    parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
                assert parameter.requires_grad == any(
                    part in name for part in ("lora_", "modules_to_save")
                ), name
        weights = {
            name: parameter.detach().clone() for name, parameter in wrapped.named_parameters()
        }
        target = Path(folder) / f"merged{new_embedding}"
        classifier.save(model, target, tuning.merged(weights))
        batch = batches.collate(store, np.arange(4), np.zeros(4, dtype=np.int64))
        expected = wrapped.merge_and_unload().eval()(**batch).logits
        torch.testing.assert_close(classifier.load(target)(**batch).logits, expected)


def validate() -> None:
    """Let DeepSpeed's own model of its configuration check ours for GPT-2 XL on every hardware and
    with every offloading."""
    from deepspeed.runtime.config import DeepSpeedConfig

    launch.start(1)
    launch.join_alone()
    xl = presets.load("gpt2-xl")
    work = plan.Workload(
        examples=4000,
        length=1024,
        vocabulary=xl.vocabulary,
        classes=2,
        epochs=3,
        global_batch_size=128,
    )
    cases = [(name, MemoryBudget(80 * GB)) for name in ("h100x1", "h100x8", "h100x8-nodes")]
    for name, room in [
        *cases,
        ("h100x1", MemoryBudget(18 * GB, node=80 * GB)),
        ("h100x1", MemoryBudget(18 * GB, swap=True)),
    ]:
        made = plan.make(xl, presets.hardware(name), work, room)
        world = SimpleNamespace(get_data_parallel_world_size=lambda made=made: made.world_size)
        read = DeepSpeedConfig(deepspeed_config(made, 0.5, "/scratch"), mpu=world)
        assert read.train_batch_size == 128
        assert read.gradient_accumulation_steps == made.accumulation
        assert read.gradient_clipping == 0.5
        assert read.zero_config.stage == made.zero_stage
        home = read.zero_config.offload_optimizer
        assert str(getattr(home.device, "value", home.device) if home else "none") == made.offload
    launch.stop()


TASKS: dict[str, Task] = {
    "validate": validate,
    "train": train,
    "pretrain": pretrain,
    "curves": curves,
    "accumulated": accumulated,
    "adapters": adapters,
}


def _forked(task: Task, rank: int, world: int, port: int, arguments: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.dup2(2, 1)
        os.environ.update(
            RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world), LOCAL_WORLD_SIZE=str(world)
        )
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
        task(**arguments)
        status = 0
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else 1
    except BaseException:  # whatever it is, a forked child must not go on as its parent
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(status)


def _wait(pids: list[int]) -> list[int]:
    """Wait for all; when one was killed, the others do not get long to notice."""
    statuses: dict[int, int] = {}
    ends = time.monotonic() + PATIENCE
    while len(statuses) < len(pids):
        for pid in set(pids) - set(statuses):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                statuses[pid] = os.waitstatus_to_exitcode(status)
                if statuses[pid] < 0:
                    ends = min(ends, time.monotonic() + 5)
        if time.monotonic() > ends:
            for pid in set(pids) - set(statuses):
                os.kill(pid, signal.SIGKILL)
            ends = float("inf")
        time.sleep(0.01)
    return [statuses[pid] for pid in pids]


def main() -> None:
    """Do the tasks until standard input ends."""
    for line in sys.stdin:
        wanted = json.loads(line)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        world = wanted["processes"]
        pids = [
            _forked(TASKS[wanted["function"]], rank, world, port, wanted["arguments"])
            for rank in range(world)
        ]
        print(json.dumps(_wait(pids)), flush=True)


if __name__ == "__main__":
    main()
