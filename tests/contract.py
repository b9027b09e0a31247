"""The tables that the contract names, held against a finished results folder."""

from pathlib import Path

COLUMNS = {
    "geo/manifest.tsv": "file url bytes sha256 time",
    "samples.tsv": "sample label group",  # then the characteristics
    "differential_expression.tsv": "contrast gene symbol base_mean log2_fold_change se p padj",
    "folds.tsv": "sample group repeat fold",
    "predictions.tsv": "model repeat fold sample group truth class probability",
    "metrics.tsv": "model preset metric estimate low high null_mean p p_floor n_samples n_groups",
    "comparison.tsv": "model versus estimate low high share_above",
    "null.tsv": "model permutation metric value kind",
    "attributions.tsv": "gene symbol attribution knockout_effect rank stability",
    "markers.tsv": "set gene symbol expected log2_fold_change padj attribution verdict",
}


def broken(folder: Path) -> list[str]:
    """List the tables of a data set that are absent or have other columns; only samples.tsv may
    have more."""
    found = []
    for name, promised in COLUMNS.items():
        if not (folder / name).is_file():
            found.append(f"{name} is absent")
            continue
        with (folder / name).open(encoding="utf-8") as lines:
            head = lines.readline().rstrip("\n").split("\t")
        named = promised.split()
        if head[: len(named)] != named or (len(head) > len(named) and name != "samples.tsv"):
            found.append(f"{name} has the columns {head}")
    return found
