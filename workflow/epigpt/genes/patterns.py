"""How row names of count tables are written: the shapes of gene ids, of summary rows, of
spike-ins."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

ENSEMBL = re.compile(r"(?<![A-Za-z0-9])(ENS[A-Z]{0,6}G\d{11})(\.\d+)?(_PAR_Y)?(?!\d)")
ENSEMBL_SPECIES = re.compile(r"(?<![A-Za-z0-9])(ENS[A-Z]{0,6}G)\d{11}")
ENTREZ = re.compile(r"[1-9]\d{0,8}(\.0)?")
REFSEQ = re.compile(r"[NX][MR]_\d{6,9}(\.\d+)?")
PROBE = re.compile(r".+_(at|st)|ILMN_\d+|A_\d{2}_P\d+|cg\d{8}|TC\d+\.hg\.\d+")
SYMBOL = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9._\-/:@()']{0,39}")
NEVER_SYMBOL = re.compile(
    r"(GSM|GSE|SRR|ERR|DRR|SRX|SAMN)\d+|[ACGTN]{8,}([-_.]\d+)?|ENS[A-Z]{0,6}[TPE]\d{11}.*"
)
# Havana's ids, and names of transcripts such as Aqp4-201, which stand beside a gene's symbol.
OF_TRANSCRIPT = re.compile(r"OTT[A-Z]{0,6}\d{11}(\.\d+)?|.+-2\d{2}|-")
TRAILER_ROW = re.compile(
    r"__\w+|N_(unmapped|multimapping|noFeature|ambiguous)"
    r"|no_?feature|ambiguous|too_low_aQual|not_aligned|alignment_not_unique"
    r"|(un)?assigned([._ -]\w+)*|(un|multi)?mapped([._ -]?reads)?"
    r"|((grand|column|library)[._ -]?)?(total|sum)([._ -]?(reads?|counts?|umis?))*",
    re.IGNORECASE,
)
SPIKE_IN_ROW = re.compile(
    r"(gSpikein[_-])?ERCC[-_.]?\d{5}|(RNA[-_.]?)?SPIKE[-_.]?(IN)?[-_.]?\d*|SIRV\w*\d+|ArrayControl[-_.]?\d+"
    r"|(R\d|RNA)[-_]\d{2,3}[-_]R\d|Sequin\w*",
    re.IGNORECASE,
)
ASSEMBLY = re.compile(
    r"(GRCh3[78]|GRCm3[89]|GRCz1[01]|hg19|hg38|mm9|mm10|mm39|rn[67]|danRer1[01]|gene)[_:.-]+(?=\S)"
)
BIOTYPE = re.compile(
    r".*(protein_coding|pseudogene|RNA)|TEC|IG_.*|TR_.*|\d+|unknown|NA|null", re.IGNORECASE
)


def text_of(name: Any) -> str:
    """Return a cell as text without quotes; missing values are empty."""
    if name is None or (isinstance(name, float) and np.isnan(name)):
        return ""
    return str(name).strip().strip("\"'").strip()


def genes_only(ids: Iterable[Any]) -> list[str]:
    """Leave out empty names, summary rows of counting programs and spike-ins."""
    texts = (text_of(name) for name in ids)
    return [
        text
        for text in texts
        if text and not TRAILER_ROW.fullmatch(text) and not SPIKE_IN_ROW.fullmatch(text)
    ]


def some_of(names: Sequence[str], most: int = 3000) -> list[str]:
    """Take names from all over an axis, evenly: the first ones may be metadata, the last ones
    summaries, and thousands tell what tens of thousands are."""
    step = -(-len(names) // most) or 1
    return list(names[::step])


def without_assembly(text: str) -> str:
    """Remove a prefix such as GRCh38_ or gene-."""
    return ASSEMBLY.sub("", text, count=1) if ASSEMBLY.match(text) else text


def kind_of(text: str) -> str:
    """Name the kind that one id looks like: 'ensembl', 'entrez', 'refseq', 'probe', 'symbol' or
    'unknown'."""
    if ENSEMBL.search(text):
        return "ensembl"
    for kind, pattern in (("entrez", ENTREZ), ("refseq", REFSEQ), ("probe", PROBE)):
        if pattern.fullmatch(text):
            return kind
    name = without_assembly(text).split("|")[0]
    return "symbol" if SYMBOL.fullmatch(name) and not NEVER_SYMBOL.fullmatch(name) else "unknown"


def counts_rows(texts: Sequence[str]) -> bool:
    """Return whether the ids are numbers that merely count the rows."""
    if len(texts) < 3 or not all(text.removesuffix(".0").isdecimal() for text in texts):
        return False
    numbers = sorted(int(text.removesuffix(".0")) for text in texts)
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))
