"""The row that a description offers, used as a user would."""

from pathlib import Path

from epigpt.config import dataset_row, dataset_table


def pasted(text: str, folder: Path) -> list[dataset_row.Row]:
    """Read the rows of a text as a user's table would be."""
    lines = text.splitlines()
    at = next(
        number for number, line in enumerate(lines) if line.strip().startswith("dataset\tsource")
    )
    rows = [lines[at], *(line for line in lines[at + 1 :] if "\t" in line)]
    found = []
    for row in rows[1:]:
        (folder / "pasted.tsv").write_text(f"{rows[0]}\n{row}\n")
        found += dataset_table.read(folder / "pasted.tsv")
    return found
