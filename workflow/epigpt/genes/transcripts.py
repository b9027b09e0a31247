"""Ids of transcripts and exons, and the genes they belong to as far as the ids say so."""

import re
from collections.abc import Mapping, Sequence

from epigpt.genes.patterns import ENSEMBL, genes_only, text_of

_ENSEMBL_TRANSCRIPT = re.compile(r"(?<![A-Za-z0-9])ENS[A-Z]{0,6}T\d{11}(\.\d+)?")
_OTHER_TRANSCRIPT = re.compile(r"uc\d{3}[a-z]{3}(\.\d+)?|[NX][MR]_\d{6,9}(\.\d+)?")
_NUMBERED = re.compile(r"(?P<symbol>[A-Za-z0-9][\w.\-]*?)-[2-9]\d{2}")  # Ensembl's Aqp4-201
_EXON = re.compile(
    r"ENS[A-Z]{0,6}E\d{11}(\.\d+)?|.*ENS[A-Z]{0,6}G\d{11}(\.\d+)?(\+.*)?[:;_]E?\d{1,4}"
    r"|[A-Za-z][\w.-]*:E?\d{3}"
)


def like_transcripts(ids: Sequence[str]) -> bool:
    """Return whether most ids are those of transcripts."""
    texts = genes_only(ids)
    return bool(texts) and sum(map(is_transcript, texts)) > 0.5 * len(texts)


def like_exons(ids: Sequence[str]) -> bool:
    """Return whether most ids are those of exons or of parts of genes."""
    texts = genes_only(ids)
    return bool(texts) and sum(bool(_EXON.fullmatch(text)) for text in texts) > 0.5 * len(texts)


def is_transcript(text: str) -> bool:
    """Return whether an id is that of a transcript, alone or beside its gene's."""
    return bool(
        _ENSEMBL_TRANSCRIPT.search(text)
        or _NUMBERED.fullmatch(text)
        or re.fullmatch(r"uc\d{3}[a-z]{3}\.\d+", text)
    )


def gene_within(text: str) -> str:
    """Return the gene that a transcript's id names: GENCODE's `ENST…|ENSG…|…`, RSEM's
    `gene_transcript`, Ensembl's `Aqp4-201`; "" where it names none."""
    if match := ENSEMBL.search(text):
        return match.group(1)
    if match := _NUMBERED.fullmatch(text):
        return match["symbol"]
    if match := _ENSEMBL_TRANSCRIPT.search(text):
        parts = [
            part
            for part in re.split(r"[|_:;]+", text[: match.start()] + "|" + text[match.end() :])
            if re.fullmatch(r"[A-Za-z][\w.\-]+", part)
        ]
        return parts[0] if parts else ""
    return ""


def bare(text: str) -> str:
    """Return a transcript's id without what stands beside it and without its version."""
    match = _ENSEMBL_TRANSCRIPT.search(text) or _OTHER_TRANSCRIPT.search(text)
    return (match.group() if match else text_of(text)).split(".")[0]


def genes_of(ids: Sequence[str], table: Mapping[str, str] | None = None) -> list[str]:
    """Return the gene of each transcript: by its id, else by a table (transcript without version →
    gene); "" where neither knows it."""
    known = table or {}
    return [gene_within(text) or known.get(bare(text), "") for text in map(text_of, ids)]
