"""Which sample a name in a matrix means: column names, cell names and file names against what the
record calls its samples."""

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from epigpt.matrices import matching_order, matching_rules
from epigpt.matrices.name_tokens import stem
from epigpt.matrices.sample_names import SHEET, Match, SampleNames

__all__ = ["Match", "SampleNames", "closest", "like_barcodes", "match", "match_cells", "stem"]

_BARCODE = re.compile(r"[ACGT]{6,}", re.IGNORECASE)
# Fewest of the columns, or of the samples where they are fewer, that have to be matched: less is a
# chance likeness, or a class that would vanish.
FLOOR = 0.75


def match(names: Sequence[str], samples: SampleNames, cells: bool = True) -> Match | None:
    """Find the one rule by which `names` mean a sample each; None if there is no such rule.

    One rule holds for all names, because a mixture of rules would let a chance likeness of a single
    name pass. It is one to one, except for cells, whose names carry their sample's. A rule that
    compares texts as they are written (or as R rewrites them) may leave names over on both sides,
    down to `FLOOR`; one that compares words has to match all names or all samples.

    Parameters
    ----------
    names
        Names of columns, rows or files.
    samples
        What the record or the user's table calls the samples.
    cells
        Whether names may be those of cells; otherwise of files, few of which may be samples.
    """
    distinct = list(dict.fromkeys(names))
    if samples.mapped:
        return _by_map(distinct, samples)
    if folders := told_by_folders(distinct):
        found = match(list(folders), samples, cells)
        return found and replace(
            found, samples={folders[name]: sample for name, sample in found.samples.items()}
        )
    best, floor = _best(distinct, samples)
    if (
        best is not None
        and best.samples
        and (not cells or _share(best, distinct, samples) >= floor)
    ):
        return best
    return match_cells(distinct, samples) if cells else None


def told_by_folders(paths: Sequence[str]) -> dict[str, str]:
    """Return the folder that tells each of some paths apart where their last parts do not, with the
    path: `runs/WT1/Aligned.out.bam` is WT1."""
    parts = [re.split(r"[/\\]+", path) for path in paths]
    if len(paths) < 2 or len({part[-1] for part in parts}) > len(paths) // 2:
        return {}
    for depth in range(2, min(map(len, parts)) + 1):
        folders = {part[-depth]: path for part, path in zip(parts, paths, strict=True)}
        if len(folders) == len(paths):
            return folders
    return {}


def closest(names: Sequence[str], samples: SampleNames) -> Match | None:
    """Return the rule that matches most of `names`, however few, for a message."""
    distinct = list(dict.fromkeys(names))
    if samples.mapped:
        return _by_map(distinct, samples)
    best, _ = _best(distinct, samples)
    return best if best is not None and best.samples else None


def _by_map(names: Sequence[str], samples: SampleNames) -> Match | None:
    """Look names up in the user's table, whose entries may be patterns such as `*-1`."""
    sample_of = {name: samples.mapped[name] for name in names if name in samples.mapped}
    for pattern, sample in samples.mapped.items():
        if set("*?") & set(pattern) and pattern not in sample_of:
            fits = re.compile(fnmatch.translate(pattern)).match
            sample_of.update(
                (name, sample) for name in names if name not in sample_of and fits(name)
            )
    rule = f"the table {samples.map_name} (cell `sample_map`)"
    return (
        Match(sample_of, rule, len(set(sample_of.values())) < len(sample_of)) if sample_of else None
    )


def _best(names: Sequence[str], samples: SampleNames) -> tuple[Match | None, float]:
    """Return the first rule that is complete, else the one that matches most of the names, and the
    share it has to reach."""
    partial: tuple[Match | None, float] = (None, 1.0)
    for found, floor in _written(names, samples):
        if not found.samples or matching_order.misreads_repetitions(found, names):
            continue
        if _complete(found, names, samples):
            return found, 0.0
        if len(found.samples) > (len(partial[0].samples) if partial[0] else 0):
            partial = found, floor
    for step in matching_rules.same_words(names, samples):
        whole = [one for one in step if _whole(one, names, samples)]
        if whole:
            # Two texts that give the columns to different samples say nothing.
            agreed = all(one.samples == whole[0].samples for one in whole)
            return (whole[0], 0.0) if agreed else partial
    return partial


def _written(names: Sequence[str], samples: SampleNames) -> Iterator[tuple[Match, float]]:
    """List the rules that compare texts as they are written, and what share each has to reach."""
    for found in matching_rules.same_texts(names, samples):
        yield found, 0.0 if found.rule == SHEET else 0.5 if "accession" in found.rule else FLOOR
    for rule in (
        matching_order.r_mangled,
        matching_rules.without_endings,
        matching_order.in_order_of_repetition,
    ):
        for found in rule(names, samples):
            yield found, FLOOR


def _complete(found: Match, names: Sequence[str], samples: SampleNames) -> bool:
    return bool(found.samples) and len(found.samples) >= min(len(names), len(samples.ids))


def _whole(found: Match, names: Sequence[str], samples: SampleNames) -> bool:
    """Return whether a match by words is to be believed."""
    return (
        _complete(found, names, samples)
        and len(found.samples) >= min(2, len(names))
        and 2 * len(found.samples) >= len(names)
        and not matching_order.misreads_repetitions(found, names)
    )


def _share(found: Match, names: Sequence[str], samples: SampleNames) -> float:
    return len(found.samples) / max(1, min(len(names), len(samples.ids)))


def plain(text: str) -> str:
    """Reduce a cell's name to lower-case parts joined by single dots, without R's X before a digit
    or quotes."""
    parts = re.sub(r"[^a-z0-9]+", ".", text.strip().strip("\"'").lower()).strip(".")
    return re.sub(r"^x\.?(?=\d)", "", parts)


def match_cells(names: Sequence[str], samples: SampleNames) -> Match | None:
    """Match cell names that begin (or end) with their sample's name, such as
    `GSM1_AAACCTGAGAAACCAT-1`; None unless nearly all do."""
    for kind, aliases in samples.aliases.items():
        if kind.startswith(("characteristic", "source_name")):
            continue
        owners: dict[str, set[str]] = {}
        for sample, texts in aliases.items():
            for text in texts:
                if key := plain(text):
                    owners.setdefault(key, set()).add(sample)
        for side in ("begins", "ends"):
            sample_of = {}
            for name in names:
                parts = plain(name).split(".")
                affixes = (
                    ".".join(parts[:cut] if side == "begins" else parts[-cut:])
                    for cut in range(len(parts) - 1, 0, -1)
                )
                if owner := _only(affixes, owners):
                    sample_of[name] = owner
            if len(sample_of) >= 0.8 * len(names) and len(sample_of) >= 2 * len(
                set(sample_of.values())
            ):
                return Match(sample_of, f"cell name {side} with the {kind}", per_sample=True)
    return None


def _only(keys: Iterable[str], owners: Mapping[str, set[str]]) -> str | None:
    """Return the owner of the longest key that is some sample's name, if it is one sample's."""
    first = next((key for key in keys if key in owners), None)
    return next(iter(owners[first])) if first is not None and len(owners[first]) == 1 else None


def like_barcodes(names: Sequence[str]) -> bool:
    """Return whether names are cell barcodes: most hold a run of six or more letters ACGT."""
    looked = names[:1000]
    return bool(looked) and sum(bool(_BARCODE.search(name)) for name in looked) >= 0.8 * len(looked)
