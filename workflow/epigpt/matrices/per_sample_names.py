"""Which sample a file's name means, and what else its name says."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from epigpt.geo.record import SAMPLE_ID
from epigpt.matrices.formats import Piece
from epigpt.matrices.lanes import lane_of
from epigpt.matrices.sample_matching import SampleNames, match
from epigpt.matrices.triplet_files import Triplet

_EDGE = "._- /"


def base_of(piece: Piece) -> str:
    """Return the last part of a piece's name; of a triplet named only `matrix`, its folder's
    too."""
    name = piece.name
    base = name.rsplit("/", 1)[-1]
    # A nested archive carries the sample's name: GSM1_liver.tar.gz/matrix.mtx
    return (
        base
        if not isinstance(piece, Triplet) or re.search(r"\d", base)
        else "/".join(name.split("/")[-3:])
    )


def families_of(
    members: Sequence[Piece], samples: SampleNames
) -> tuple[dict[str, list[tuple[str, Piece]]], str]:
    """Part files of one ending by what their names say beside the sample; give the rule that
    matched them too."""
    names = _names_of(members)
    found = match(list(names), samples, cells=False)
    several = _several(names, samples)
    if several and (found is None or len(found.samples) < len(names)):
        return several, "accession within the name"
    if found is None:
        return {}, ""
    owned = [(found.samples[name], piece) for name, piece in names.items() if name in found.samples]
    return {"": owned}, found.rule


def _names_of(members: Sequence[Piece]) -> dict[str, Piece]:
    """Name each file by the last part of its name, or by its folder's where that is what tells the
    files apart: `WT_1/ReadsPerGene.out.tab`."""
    names = {base_of(piece): piece for piece in members}
    folders = {piece.name.rpartition("/")[0].rpartition("/")[2]: piece for piece in members}
    return folders if len(names) < len(members) == len(folders) else names


def contradiction_in(families: Mapping[str, list[tuple[str, Piece]]], samples: SampleNames) -> str:
    """Say of file names with an accession that the rest of them names another sample's title."""
    owner = {piece.name: sample for owned in families.values() for sample, piece in owned}
    titles = {kind: texts for kind, texts in samples.aliases.items() if kind == "title"}
    rest = {name: SAMPLE_ID.sub("", name.rsplit("/", 1)[-1]).strip(_EDGE) for name in owner}
    found = match(list(rest.values()), SampleNames(samples.ids, titles), cells=False)
    wrong = [
        (name.rsplit("/", 1)[-1], other, owner[name])
        for name, text in rest.items()
        if found and (other := found.samples.get(text)) and other != owner[name]
    ]
    if not wrong:
        return ""
    name, other, own = wrong[0]
    return (
        f"{len(wrong)} of {len(owner)} file names hold the accession of one sample and the title of"
        f" another ('{name}': {own} is '{samples.title(own)}', and '{samples.title(other)}' is"
        f" {other}); the accession was believed"
    )


def _several(
    names: Mapping[str, Piece], samples: SampleNames
) -> dict[str, list[tuple[str, Piece]]]:
    """Part the files of samples that have several each by the part in which their names differ."""
    ids = {sample.upper(): sample for sample in samples.ids}
    by_sample: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if (tag := SAMPLE_ID.search(name)) and tag.group().upper() in ids:
            by_sample[ids[tag.group().upper()]].append(name)
    if not any(len(files) > 1 for files in by_sample.values()):
        return {}
    families: dict[str, list[tuple[str, Piece]]] = defaultdict(list)
    for sample, files in by_sample.items():
        for part, name in zip(_differing(files), files, strict=True):
            families["" if lane_of(f"x_{part}") else part].append((sample, names[name]))
    return dict(families)


def _differing(names: Sequence[str]) -> list[str]:
    """Return the part in which some names differ, whole words of it."""
    front, back = _common(names), _common([name[::-1] for name in names])[::-1]
    if len(names) == 1:
        return [""]
    start = max((front.rfind(edge) + 1 for edge in _EDGE), default=0)
    if all(name[len(front) : len(front) + 1] in _EDGE for name in names):
        start = len(front)  # a word ends here in each: `1.counts` and `1_mirna` share the 1
    cuts = [place for edge in _EDGE if (place := back.find(edge)) >= 0]
    end = len(back) - min(cuts) if cuts else 0
    return [name[start : len(name) - end].strip(_EDGE) for name in names]


def _common(texts: Sequence[str]) -> str:
    """Return the letters that all texts begin with."""
    first, last = min(texts), max(texts)
    pairs = zip(first, last, strict=False)
    return first[: next((at for at, (one, other) in enumerate(pairs) if one != other), len(first))]


def glob_of(chosen: Sequence[Piece], every: Sequence[Piece], container: str) -> str:
    """Find a pattern that the chosen files' names fit and no other's."""
    bases = [piece.name.rsplit("/", 1)[-1] for piece in chosen]
    others = [piece.name.rsplit("/", 1)[-1] for piece in every if piece not in chosen]
    ending = _common([base[::-1] for base in bases])[::-1]
    middles = sorted(set.intersection(*(set(re.split(r"[._-]", base)) for base in bases)) - {""})
    tried = [f"*{ending}", *(f"*{part}*" for part in middles)]
    for pattern in tried:
        if pattern != "*" and not any(fnmatchcase(base, pattern) for base in others):
            return pattern if others else container or pattern
    return container or f"*{ending}"
