"""The tables that the contract names, held against a finished results folder."""

from pathlib import Path

from epigpt import schema


def broken(folder: Path) -> list[str]:
    """List the tables of a data set that are absent or have other columns."""
    found = []
    for name, table in schema.TABLES.items():
        if not (folder / name).is_file():
            if name != "transfer.tsv":  # only where a pair is asked for
                found.append(f"{name} is absent")
            continue
        with (folder / name).open(encoding="utf-8") as lines:
            head = lines.readline().rstrip("\n").split("\t")
        if name == "quality.tsv" and head[0] == "cell":
            head[0] = "sample"
        if head[: len(table.header)] != table.header or (
            len(head) > len(table.header) and not table.open_ended
        ):
            found.append(f"{name} has the columns {head}")
    return found
