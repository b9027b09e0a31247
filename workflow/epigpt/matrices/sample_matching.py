"""Which sample a name in a matrix means: column names, cell names and file names against what the
record calls its samples."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

# One ending; they are taken off one by one, since a pattern that repeats them would try every
# division of a long name.
_ENDING = re.compile(
    r"[._-]?(aligned|sorted|sortedbycoord|sortedbyname|out|bam|sam|cram|dedup(ed)?|markdup|rmdup|uniq(ue)?|trimmed|hisat2?|star|fastq|fq|gz|bz2"
    r"|txt|tsv|csv|tab|xlsx?|sf|quant|htseq|featurecounts?|readspergene|genes|results|raw|counts?|expected_count|reads?|umis?)$",
    re.IGNORECASE,
)
_MOST_ENDINGS = 20
_GSM = re.compile(r"(?<![A-Za-z0-9])GSM\d+(?!\d)", re.IGNORECASE)
_BARCODE = re.compile(r"[ACGT]{6,}", re.IGNORECASE)


@dataclass(frozen=True)
class SampleNames:
    """What the samples of a data set are called.

    Attributes
    ----------
    ids
        Sample ids in the record's order.
    aliases
        Kind of name ("accession", "title", "description" …, best first) → sample id → names.
    """

    ids: tuple[str, ...]
    aliases: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    @classmethod
    def of_sheet(cls, ids: Iterable[str]) -> "SampleNames":
        """Make names from a sample sheet, which names its samples in one way only."""
        listed = tuple(ids)
        return cls(listed, {"sample id": {name: [name] for name in listed}})

    @classmethod
    def of_record(cls, attributes: pd.DataFrame, characteristics: pd.DataFrame) -> "SampleNames":
        """Make names from a GEO record: rows are GSM accessions, columns as in
        `epigpt.geo.record.Series`."""
        ids = tuple(map(str, attributes.index))
        aliases: dict[str, dict[str, list[str]]] = {"accession": {name: [name] for name in ids}}
        for kind in ("title", "description", "source_name", "supplementary"):
            if kind in attributes:
                aliases[kind] = {
                    str(name): _texts(kind, str(text)) for name, text in attributes[kind].items()
                }
        for kind in characteristics:
            aliases[f"characteristic '{kind}'"] = {
                str(name): [str(text)] for name, text in characteristics[kind].items() if text
            }
        return cls(ids, aliases)

    def titled(self, count: int = 5) -> str:
        """Show some samples for a message: `GSM1 (mouse 1), GSM2 (mouse 2), …`."""
        titles = self.aliases.get("title", {})
        shown = [
            f"{name} ({titles[name][0]})" if titles.get(name) else name for name in self.ids[:count]
        ]
        return ", ".join(shown) + (", …" if len(self.ids) > count else "")


def _texts(kind: str, text: str) -> list[str]:
    if kind == "supplementary":
        return [_GSM.sub("", address.rsplit("/", 1)[-1]).strip("_-. ") for address in text.split()]
    parts = [text, *re.findall(r"[\[(]([^\])]+)[\])]", text)]
    if kind == "description":
        pieces = re.split(r"[;\n]", text)
        parts += pieces + [piece.split(":", 1)[1] for piece in pieces if ":" in piece]
    return [part.strip() for part in dict.fromkeys(parts) if part.strip()]


@dataclass(frozen=True)
class Match:
    """How names were matched.

    Attributes
    ----------
    samples
        Name in the matrix → sample id; names without a sample are absent.
    rule
        The rule in words, for the report.
    per_sample
        Whether several names may belong to one sample (cells).
    """

    samples: dict[str, str]
    rule: str
    per_sample: bool = False


def make_names(text: str) -> str:
    """Mangle a name as R's make.names does: other characters than letters, digits, `.` and `_`
    become `.`; X before a digit."""
    mangled = re.sub(r"[^A-Za-z0-9._]", ".", text)
    return mangled if re.match(r"[A-Za-z]|\.(?!\d)", mangled) else f"X{mangled}"


def plain(text: str) -> str:
    """Reduce a name to lower-case parts joined by single dots, without R's X before a digit or
    quotes."""
    parts = re.sub(r"[^a-z0-9+]+", ".", text.strip().strip("\"'").lower()).strip(".")
    return re.sub(r"^x\.?(?=\d)", "", parts)


def stem(text: str) -> str:
    """Leave out folders and file endings: `/data/S1Aligned.sortedByCoord.out.bam` is S1."""
    base = re.split(r"[/\\]", text.strip().rstrip("/\\"))[-1]
    bare = base
    for _ in range(_MOST_ENDINGS):
        shorter = _ENDING.sub("", bare, count=1)
        if shorter == bare:
            break
        bare = shorter
    return bare or base


_FORMS: list[tuple[str, Callable[[str], str]]] = [
    ("", lambda text: text.strip().strip("\"'")),
    (" (ignoring case and R's make.names)", plain),
    (" (without folder and file ending)", lambda text: plain(stem(text))),
]


def match(names: Sequence[str], samples: SampleNames, cells: bool = True) -> Match | None:
    """Find the one rule by which most of `names` mean a sample each; None if none of them does.

    One rule holds for all names, because a mixture of rules would let a chance likeness of a single
    name pass. A rule that gives two names to one sample is no rule, except for cells, whose names
    carry their sample's.
    """
    distinct = list(dict.fromkeys(names))
    best: Match | None = None
    for found in _rules(distinct, samples):
        if (
            found
            and len(set(found.samples.values())) == len(found.samples)
            and len(found.samples) > (len(best.samples) if best else 0)
        ):
            best = found
            if len(best.samples) == len(distinct):
                break
    if best is not None and (
        len(best.samples) >= 0.5 * min(len(distinct), len(samples.ids)) or not cells
    ):
        return best
    return (match_cells(distinct, samples) if cells else None) or best


def _rules(names: Sequence[str], samples: SampleNames) -> Iterable[Match | None]:
    for kind, aliases in samples.aliases.items():
        needs_letter = kind not in ("accession", "title", "sample id")
        for how, form in _FORMS:
            yield _equal(names, aliases, form, f"{kind}{how}", needs_letter)
    accessions = {name.upper(): name for name in samples.ids}
    tagged = {
        name: {accessions[tag.upper()] for tag in _GSM.findall(name) if tag.upper() in accessions}
        for name in names
    }
    yield Match(
        {name: next(iter(tags)) for name, tags in tagged.items() if len(tags) == 1},
        "accession within the name",
    )
    if len(names) > 5000 or "sample id" in samples.aliases:
        return
    for kind, aliases in samples.aliases.items():
        if not kind.startswith("characteristic"):
            yield _within(names, aliases, f"{kind} within the name")
            yield _around(names, aliases, f"name within the {kind}")


def _equal(
    names: Sequence[str],
    aliases: Mapping[str, Sequence[str]],
    form: Callable[[str], str],
    rule: str,
    needs_letter: bool,
) -> Match:
    owners = _owners(aliases, lambda text: [form(text)])
    found = {}
    for name in names:
        key = form(name)
        if len(owners.get(key, ())) == 1 and (not needs_letter or re.search(r"[A-Za-z]", key)):
            found[name] = next(iter(owners[key]))
    return Match(found, rule)


def _owners(
    aliases: Mapping[str, Sequence[str]], keys: Callable[[str], Iterable[str]]
) -> dict[str, set[str]]:
    owners: dict[str, set[str]] = {}
    for sample, texts in aliases.items():
        for text in texts:
            for key in keys(text):
                if key:
                    owners.setdefault(key, set()).add(sample)
    return owners


def _spans(text: str) -> list[str]:
    """List the runs of whole parts of a plain name, longest first; those of two characters and a
    letter or more."""
    parts = plain(text).split(".")[:24]
    runs = {
        ".".join(parts[start:end])
        for start in range(len(parts))
        for end in range(start + 1, len(parts) + 1)
    }
    return sorted(
        (run for run in runs if len(run) >= 2 and re.search(r"[a-z]", run)),
        key=lambda run: (-len(run), run),
    )


def _within(names: Sequence[str], aliases: Mapping[str, Sequence[str]], rule: str) -> Match:
    owners = _owners(aliases, lambda text: [plain(text)])
    return Match(
        {
            name: next(iter(owners[run]))
            for name in names
            if (run := _only(_spans(stem(name)) + _spans(name), owners))
        },
        rule,
    )


def _around(names: Sequence[str], aliases: Mapping[str, Sequence[str]], rule: str) -> Match:
    owners = _owners(aliases, _spans)
    return Match(
        {
            name: next(iter(owners[key]))
            for name in names
            if len(owners.get(key := plain(stem(name)), ())) == 1
        },
        rule,
    )


def _only(runs: Iterable[str], owners: Mapping[str, set[str]]) -> str | None:
    """Give the longest run that is some sample's name, if it is one sample's alone."""
    first = next((run for run in runs if run in owners), None)
    return first if first is not None and len(owners[first]) == 1 else None


def match_cells(names: Sequence[str], samples: SampleNames) -> Match | None:
    """Match cell names that begin (or end) with their sample's name, such as
    `GSM1_AAACCTGAGAAACCAT-1`; None unless nearly all do."""
    for kind, aliases in samples.aliases.items():
        if kind.startswith(("characteristic", "source_name")):
            continue
        owners = _owners(aliases, lambda text: [plain(text)])
        for side in ("begins", "ends"):
            found = {}
            for name in names:
                parts = plain(name).split(".")
                runs = [
                    ".".join(parts[:cut] if side == "begins" else parts[-cut:])
                    for cut in range(len(parts) - 1, 0, -1)
                ]
                if run := _only(runs, owners):
                    found[name] = next(iter(owners[run]))
            if len(found) >= 0.8 * len(names) and len(found) >= 2 * len(set(found.values())):
                return Match(found, f"cell name {side} with the {kind}", per_sample=True)
    return None


def like_barcodes(names: Sequence[str]) -> bool:
    """Whether names are cell barcodes: most hold a run of six or more letters ACGT."""
    looked = names[:1000]
    return bool(looked) and sum(bool(_BARCODE.search(name)) for name in looked) >= 0.8 * len(looked)
