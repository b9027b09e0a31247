"""What pretraining on a corpus takes, for corpora and hardware of several sizes: tokens, hours,
disk and the rate at which the store has to be read. Arithmetic of the training plan; no GPU hour of
it is measured."""

from dataclasses import dataclass, replace

from epigpt.config.settings import Settings
from epigpt.errors import InputError
from epigpt.models import presets
from epigpt.training import plan
from epigpt.training.memory_model import GB, MemoryBudget

SAMPLES = (10_000, 100_000, 1_000_000)
# Nodes and GPUs of each.
HARDWARE = ((1, 1), (1, 8), (4, 8))
# Human genes that a corpus of many series knows.
GENES = 20_000
# Sequences of a step, which keep 32 GPUs busy.
BATCH = 1024
# A token is two bytes and its value two; a view's length two.
TOKEN_BYTES, LENGTH_BYTES = 4, 2
# Per sample the panel that copies are found by (an eighth of the genes, four bytes each).
PANEL_BYTES = 4 * GENES // 8
# Samples a second of the store: 128 genes each, one core, a warm disk
# (tests/benchmarks/bench_corpus.py).
STORE_RATE = 260_000


@dataclass(frozen=True)
class Cost:
    """What one pretraining takes.

    Attributes
    ----------
    samples, devices, nodes
        Of the corpus, and GPUs on this many nodes.
    tokens
        Over all passes.
    hours
        Of steps.
    store_bytes, checkpoint_bytes
        On disk: the corpus' shards, the training in progress.
    sequences_per_second
        That the store has to give.
    zero_stage
        How the model is divided.
    """

    samples: int
    devices: int
    nodes: int
    tokens: int
    hours: float
    store_bytes: int
    checkpoint_bytes: int
    sequences_per_second: float
    zero_stage: int


def of_corpus(
    model: str,
    samples: int,
    nodes: int,
    devices: int,
    *,
    length: int,
    views: int,
    epochs: int,
    batch: int = BATCH,
) -> Cost:
    """Plan the pretraining of a preset on H100 of 80 GB.

    Parameters
    ----------
    samples
        Samples or cells of the corpus.
    nodes, devices
        Nodes, and GPUs of each.
    length, views, epochs, batch
        Genes of a sequence, versions of each sample, passes over them, sequences of a step.

    Raises
    ------
    InputError
        The model does not fit; the message says what would make it fit.
    """
    preset = presets.load(model)
    hardware = replace(presets.hardware("h100x8"), nodes=nodes, devices=devices)
    work = plan.Workload(
        examples=samples * views,
        length=length,
        vocabulary=GENES + 2,
        classes=0,
        epochs=epochs,
        global_batch_size=min(batch, samples * views),
    )
    room = MemoryBudget(
        int(hardware.device_memory_gb * GB),
        int(hardware.node_memory_gb * GB) // 8,
    )
    made = plan.make(preset, hardware, work, room)
    sequences = samples * views * epochs
    return Cost(
        samples=samples,
        devices=nodes * devices,
        nodes=nodes,
        tokens=sequences * length,
        hours=made.hours,
        store_bytes=samples * (views * (length * TOKEN_BYTES + LENGTH_BYTES) + PANEL_BYTES),
        checkpoint_bytes=made.disk_bytes,
        sequences_per_second=sequences / max(made.hours * 3600, 1e-9),
        zero_stage=made.zero_stage,
    )


def table(model: str, settings: Settings | None = None) -> list[Cost]:
    """Return the costs of all sizes of `SAMPLES` and `HARDWARE`; what does not fit is left out.

    Raises
    ------
    InputError
        The model fits none of them.
    """
    known = settings or Settings()
    found, refused = [], None
    for samples in SAMPLES:
        for nodes, devices in HARDWARE:
            try:
                cost = of_corpus(
                    model,
                    samples,
                    nodes,
                    devices,
                    length=known.max_genes,
                    views=known.pretraining.views,
                    epochs=known.pretraining.epochs,
                )
            except InputError as refusal:
                refused = refusal
                continue
            found.append(cost)
    if not found and refused is not None:
        raise refused
    return found


def text(costs: list[Cost], model: str) -> str:
    """Lay the costs out as a table for reading."""
    head = (
        f"{'samples':>9} {'H100':>5} {'nodes':>5} {'tokens':>9} {'hours':>9} {'ZeRO':>4}"
        f" {'store':>9} {'checkpoints':>11} {'read/s':>9} {'of store rate':>13}"
    )
    lines = [f"Pretraining {model} on a corpus (arithmetic, steps alone):", head]
    lines += [
        f"{one.samples:>9,} {one.devices:>5} {one.nodes:>5} {one.tokens / 1e9:>7.2f} G"
        f" {one.hours:>9.1f} {one.zero_stage:>4} {one.store_bytes / 1e9:>6.1f} GB"
        f" {one.checkpoint_bytes / 1e9:>8.0f} GB {one.sequences_per_second:>9,.0f}"
        f" {one.sequences_per_second / STORE_RATE:>13.2%}"
        for one in costs
    ]
    lines.append(
        "read/s: sequences that the store has to give; the rate it is measured against is that of"
        f" one core from a warm disk, {STORE_RATE:,}."
    )
    return "\n".join(lines)
