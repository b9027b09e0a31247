"""Collect the scores of all pairs that a data set takes part in."""

from pathlib import Path

import pandas as pd

from epigpt import atomic
from epigpt.stages import entry

COLUMNS = [
    "trained_on", "tested_on", "shared_genes", "model", "preset", "metric", "estimate", "low", "high", "null_mean", "p", "p_floor",
    "n_samples", "n_groups",
]  # fmt: skip


def main() -> None:
    """Read the metrics of pairs; write transfer.tsv, a header only where there is none."""
    parser = entry.parser(__doc__)
    parser.add_argument("--metrics", type=Path, nargs="*", default=[])
    parser.add_argument("--output", type=Path, required=True)
    with entry.job(parser) as job:
        read = [pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False) for path in job.options.metrics]
        table = pd.concat(read, ignore_index=True)[COLUMNS] if read else pd.DataFrame(columns=COLUMNS)
        atomic.write_tsv(job.options.output, table)


if __name__ == "__main__":
    main()
