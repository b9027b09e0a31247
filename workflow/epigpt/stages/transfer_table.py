"""Collect the scores of all pairs that a data set takes part in."""

import json

import pandas as pd

from epigpt import files
from epigpt.stages import entry
from epigpt.transfer import scores

COLUMNS = [*scores.TRANSFER, "reason"]


def main() -> None:
    """Read the metrics of pairs, and of those that cannot be tested why; write transfer.tsv, a
    header only where there is no pair."""
    with entry.job(__doc__) as job:
        read = [
            pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
            for path in job.files("metrics")
        ]
        summaries = [json.loads(path.read_text(encoding="utf-8")) for path in job.files("untested")]
        known = (*scores.PAIR, "reason")
        read += [pd.DataFrame([{key: str(summary[key]) for key in known}]) for summary in summaries]
        table = (
            pd.concat(read, ignore_index=True).reindex(columns=COLUMNS).fillna("")
            if read
            else pd.DataFrame(columns=COLUMNS)
        )
        files.write_tsv(job.file("table"), table)


if __name__ == "__main__":
    main()
