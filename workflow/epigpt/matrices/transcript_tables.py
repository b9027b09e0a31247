"""Tables of transcripts and their genes that lie beside the counts, or that the user names."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from epigpt.errors import InputError
from epigpt.genes.patterns import ENSEMBL, text_of
from epigpt.genes.transcripts import bare, is_transcript
from epigpt.matrices.csv_dialect import decode, split_line
from epigpt.matrices.csv_layout import Layout, NoTable
from epigpt.matrices.delimited import layout_of
from epigpt.matrices.orientation import gene_kind
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.text_streams import as_utf8

_TEXT = re.compile(r"\.(tsv|csv|txt|tab|map)(\.(gz|bz2|xz))?$", re.IGNORECASE)
_SAYS_SO = re.compile(
    r"tx[_-]?2?[_-]?(to)?[_-]?g(ene)?|t2g|transcripts?.{0,12}genes?|genes?.{0,12}(transcript|isoform)",
    re.IGNORECASE,
)
_MOST_LOOKED_AT = 40
_LARGEST = 1 << 28


class TranscriptTable:
    """Looks for a table of transcripts and genes once it is asked for.

    Parameters
    ----------
    members
        The files of the data set.
    budget
        Bound on unpacked bytes.
    given
        The user's own table; it comes first.
    """

    def __init__(
        self, members: Sequence[Member], budget: Budget, given: Path | None = None
    ) -> None:
        self._members = members
        self._budget = budget
        self._given = given
        self.load = lru_cache(maxsize=1)(self._load)

    def _load(self) -> tuple[Mapping[str, str], str]:
        """Return transcript (without version) → gene, and the file's name; ({}, "") without one."""
        if self._given is not None:
            if not self._given.is_file():
                raise InputError(
                    f"no such file: {self._given}",
                    "the key `transcripts`",
                    "it should hold transcripts and their genes",
                    "correct the path",
                )
            own = Member.of_file(self._given)
            if found := self._of(own):
                return found, own.base
            raise InputError(
                "no table of transcripts and genes",
                str(self._given),
                "it needs a column of transcript ids and one of gene ids or symbols",
                "name another file in the key `transcripts`",
            )
        for member in self._likely():
            if found := self._of(member):
                return found, member.base
        return {}, ""

    def _likely(self) -> list[Member]:
        texts = [
            member
            for member in self._members
            if _TEXT.search(member.base) and 0 <= member.size < _LARGEST
        ]
        said = [member for member in texts if _SAYS_SO.search(member.base)]
        return [*said, *(member for member in texts if member not in said)][:_MOST_LOOKED_AT]

    def _of(self, member: Member) -> dict[str, str]:
        try:
            layout = layout_of(member, self._budget)
        except NoTable:
            return {}
        columns = _columns(layout)
        if columns is None:
            return {}
        from_column, to_column = columns
        with as_utf8(member.open(self._budget)) as stream:
            lines = decode(stream.read())[0].splitlines()
        gene_of: dict[str, str] = {}
        for line in lines[layout.skipped :]:
            cells = split_line(line, layout.delimiter)
            if len(cells) > max(columns) and (gene := text_of(cells[to_column])):
                match = ENSEMBL.search(gene)
                gene_of.setdefault(
                    bare(text_of(cells[from_column])), match.group(1) if match else gene
                )
        return gene_of


def _columns(layout: Layout) -> tuple[int, int] | None:
    """Find the columns of transcripts and of genes; None where the table has numbers or lacks one
    of them."""
    width = len(layout.header)
    if width < 2 or len(layout.numeric) > max(1, width // 2):
        return None
    texts = {
        index: [text_of(cell) for cell in layout.column(index)]
        for index in sorted({*range(width)} - {*layout.numeric})
    }
    of = [
        index
        for index, cells in texts.items()
        if sum(map(is_transcript, cells)) > 0.5 * len(cells)
        and not sum(bool(ENSEMBL.search(cell)) for cell in cells) > 0.5 * len(cells)
    ]
    to = [index for index, cells in texts.items() if index not in of and gene_kind(cells)]
    ensembl = [
        index
        for index in to
        if sum(bool(ENSEMBL.search(cell)) for cell in texts[index]) > 0.5 * len(texts[index])
    ]
    return (of[0], (ensembl or to)[0]) if of and to else None
