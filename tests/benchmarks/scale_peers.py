"""What others' steps take on the cells of `bench_scale.py`, each in a process of its own: processor
seconds and peak MB, start and imports in them, as in a job's own record.

ranking
    Cells as genes in the order of their expression, the first 2,048, in the manner of Geneformer's
    tokenizer (Theodoris et al., Nature 2023; 618: 616), in numpy, block by block: counts over the
    cell's total and over the gene's median, of which it takes as long as if all were 1. All cells.
trainer
    The transformers Trainer as it comes, on the tokens of one fold: the same model, batches and
    steps as the workflow took, and the held-out cells scored.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PEERS = ("ranking", "trainer")
BLOCK, LENGTH, FOLD = 512, 2048, "repeat0/fold0"


def measure(peer: str, results: Path) -> tuple[float, float]:
    """Give processor seconds and peak MB of a peer on the results of a data set."""
    command = [sys.executable, __file__, peer, str(results)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, megabytes = json.loads(printed.splitlines()[-1])
    return seconds, megabytes


def ranking(results: Path) -> int:
    """Rank the genes of every cell; say how many tokens that gave."""
    import anndata
    import numpy as np

    counts = anndata.read_h5ad(results / "counts.h5ad", backed="r")
    medians = np.ones(counts.n_vars, dtype=np.float32)
    tokens = 0
    with tempfile.TemporaryFile() as file:
        for start in range(0, counts.n_obs, BLOCK):
            block = counts.X[start : start + BLOCK].tocsr()
            for row in range(block.shape[0]):
                held = slice(block.indptr[row], block.indptr[row + 1])
                values, genes = block.data[held], block.indices[held]
                order = np.argsort(-(values / values.sum() * 1e4 / medians[genes]))[:LENGTH]
                genes[order].astype(np.uint16).tofile(file)
                tokens += len(order)
    return tokens


def trainer(results: Path) -> int:
    """Fine-tune on one fold's tokens and score its held-out cells; say how many steps it took."""
    import numpy as np
    import plain_trainer
    import torch
    from transformers import Trainer

    from epigpt.encoding import token_dataset
    from epigpt.models import classifier
    from epigpt.training import batches

    torch.set_num_threads(1)
    store = token_dataset.load(results / "tokens" / FOLD)
    folder = next((results / "models").glob(f"*/{FOLD}"))
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    model = classifier.build(classifier.described(folder), 1)
    examples = batches.training_examples(store)
    rows = [{"example": number} for number in range(len(examples))]

    def collate(chosen: list[dict[str, int]]) -> dict[str, torch.Tensor]:
        at = np.array([one["example"] for one in chosen])
        batch = batches.collate(store, examples.rows[at], examples.views[at])
        return {**batch, "labels": torch.from_numpy(examples.labels[at])}

    with tempfile.TemporaryDirectory() as scratch:
        options = plain_trainer.arguments(scratch, plan["global_batch_size"], plan["steps"])
        Trainer(model, options, collate, train_dataset=rows).train()  # type: ignore[arg-type]
    model.eval()
    held = np.flatnonzero((store.index["set"] != "train").to_numpy())
    with torch.no_grad():
        for start in range(0, len(held), BLOCK):
            at = held[start : start + BLOCK]
            model(**batches.collate(store, at, np.zeros(len(at), dtype=np.int64)))
    return int(plan["steps"])


def main() -> None:
    """Run a peer, print its processor seconds and peak MB."""
    peers: dict[str, Any] = {"ranking": ranking, "trainer": trainer}
    peers[sys.argv[1]](Path(sys.argv[2]))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))


if __name__ == "__main__":
    main()
