"""NCBI's own RNA-seq counts: rows are Entrez ids, whose symbols stand in an annotation file of
their own."""

import re
from collections.abc import Sequence

from epigpt.matrices.csv_dialect import decode, split_line
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.values import Values

COUNTS = re.compile(r"_raw_counts_[^/]*_NCBI\.tsv(\.gz)?$")
ANNOTATION = re.compile(r"(^|/)[^/]*\.annot\.tsv(\.gz)?$")


def add_symbols(values: Values, files: Sequence[Member], budget: Budget) -> Values:
    """Return the genes their symbols from the annotation among `files`, if there is one and it
    knows them."""
    for file in files:
        if ANNOTATION.search(file.name):
            with file.open(budget) as stream:
                lines = decode(stream.read())[0].split("\n")
            header = [name.casefold() for name in split_line(lines[0], "\t")]
            if "geneid" not in header or "symbol" not in header:
                continue
            gene, symbol = header.index("geneid"), header.index("symbol")
            rows = (line.split("\t") for line in lines[1:] if line)
            known = {cells[gene]: cells[symbol] for cells in rows if len(cells) > max(gene, symbol)}
            if any(name in known for name in values.genes):
                symbols = [known.get(name, "") for name in values.genes]
                return Values(
                    values.matrix,
                    values.observations,
                    values.genes,
                    symbols,
                    [*values.notes, f"The symbols are those of {file.base}."],
                )
    return values
