"""Rate at which the corpus' store is read: sequences of 128 genes a second, one core, a warm disk.

Bound: 100,000, in the order of a training (batches drawn over all series) and in the order of the
disk. Seconds of the core itself, so that a busy machine does not count.
"""

import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "workflow"))

from epigpt.corpus.shards import DESCRIPTION, Shard
from epigpt.corpus.store import CorpusStore, open_store
from epigpt.encoding.token_dataset import EncodingConfig
from epigpt.training import batches

GENES, WIDTH, VIEWS, KNOWN = 20_000, 128, 8, 5000
SERIES, SAMPLES = 100, 250
BATCH, BOUND = 1024, 100_000


def main() -> None:
    """Write a store of random series, read it in two orders, print the rates."""
    with tempfile.TemporaryDirectory() as folder:
        store = written(Path(folder))
        examples = store.examples(range(SERIES))
        order = batches.Order(examples.lengths, BATCH, 1)
        drawn = [order.step(step) for step in range(30)]
        rate = best(lambda: [collate(store, examples, chosen) for chosen in drawn]) * 30 * BATCH
        straight = best(lambda: [whole(store, number) for number in range(SERIES)])
        straight *= SERIES * SAMPLES * VIEWS
    print(f"batches of {BATCH} over {SERIES} series: {rate:,.0f} sequences/s (bound {BOUND:,})")
    print(f"in the order of the disk: {straight:,.0f} sequences/s (bound {BOUND:,})")
    sys.exit(0 if min(rate, straight) >= BOUND else 1)


def written(folder: Path) -> CorpusStore:
    """Write shards of random tokens, as many as a gigabyte holds."""
    random = np.random.default_rng(1)
    names = [f"G{number:05d}" for number in range(GENES)]
    recipe = EncodingConfig("gene-values", WIDTH, KNOWN, VIEWS, 1, 0.8, "deviation")
    found = []
    for number in range(SERIES):
        place = folder / f"{number:04d}"
        place.mkdir()
        shape = (SAMPLES, VIEWS, WIDTH)
        np.save(place / "tokens.npy", random.integers(2, KNOWN + 2, shape, dtype=np.uint16))
        np.save(place / "values.npy", random.normal(0, 3, shape).astype(np.float16))
        np.save(place / "lengths.npy", np.full(shape[:2], WIDTH, dtype=np.uint16))
        shard = Shard(
            identity=place.name,
            series=place.name,
            row="bench",
            source="bench",
            organism="human",
            assay="bulk",
            genes=sorted(random.choice(names, KNOWN, replace=False).tolist()),
            samples=[f"{number}.{sample}" for sample in range(SAMPLES)],
            observations=SAMPLES,
            views=VIEWS,
            width=WIDTH,
            related=[],
            left_out=0,
            encoding=asdict(recipe),
        )
        (place / DESCRIPTION).write_text(json.dumps(asdict(shard)))
        found.append(shard)
    return open_store(folder, found)


def collate(store: CorpusStore, examples: batches.Examples, chosen: np.ndarray) -> None:
    """Read a batch as the training loop does, up to the tensors."""
    rows, views = examples.rows[chosen], examples.views[chosen]
    store.tokens[rows, views, :WIDTH]
    assert store.values is not None
    store.values[rows, views, :WIDTH]


def whole(store: CorpusStore, number: int) -> None:
    """Read every view of a shard."""
    assert store.values is not None
    for view in range(VIEWS):
        store.tokens.block(number, slice(None), view)
        store.values.block(number, slice(None), view)


def best(read) -> float:
    """Return how often a second `read` can be called: the best of three, after one to warm up."""
    read()
    taken = []
    for _ in range(3):
        began = time.process_time()
        read()
        taken.append(time.process_time() - began)
    return 1 / min(taken)


if __name__ == "__main__":
    main()
