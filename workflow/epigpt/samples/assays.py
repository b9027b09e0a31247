"""Which samples of a series are gene expression of one organism on one platform; what needs a
choice, and what is refused by name."""

import re
from collections.abc import Collection, Sequence

import pandas as pd

from epigpt.config.dataset_row import Row
from epigpt.errors import InputError

ORGANISMS = {
    "Homo sapiens": "human",
    "Mus musculus": "mouse",
    "Rattus norvegicus": "rat",
    "Danio rerio": "zebrafish",
}
_EXPRESSION_TYPE = re.compile(r"expression profiling|^other$|third-party reanalysis", re.IGNORECASE)
_RNA_STRATEGY = re.compile(r"^(sc|sn|ss)?rna-?seq$|^ncrna-seq$|^fl-cdna$|^est$", re.IGNORECASE)
_SINGLE_CELL = re.compile(r"single[ -](cell|nucle)", re.IGNORECASE)
_DNA = re.compile(r"genomic dna|^protein$", re.IGNORECASE)


class Choice(InputError):
    """Several organisms, platforms or assays, of which the user has to choose.

    Attributes
    ----------
    cell, text
        What to write into the data set table for the choice that keeps most samples; "" where a
        cell cannot say it.
    """

    cell: str = ""
    text: str = ""


def refuse_other_kinds(types: Sequence[str], attributes: pd.DataFrame, source: str) -> None:
    """Refuse a series that measures no gene expression, by what its record calls it.

    Parameters
    ----------
    types
        The series' types ("Methylation profiling by array"); empty where the record is silent.
    attributes
        Of the samples, with library_strategy and molecule.
    source
        Accession, for the message.
    """
    kinds = [text for text in types if text]
    strategies = (
        sorted(set(attributes["library_strategy"]) - {""})
        if "library_strategy" in attributes
        else []
    )
    judged = _expression(attributes)
    if judged.any() and (
        not kinds
        or any(_EXPRESSION_TYPE.search(text) for text in kinds)
        or any(map(_RNA_STRATEGY.match, strategies))
    ):
        return
    raise InputError(
        f"a series of another kind: {'; '.join([*kinds, *strategies]) or 'no RNA'}",
        f"the record of {source}",
        "EpiGPT reads gene expression, not methylation, accessibility, binding, small RNA or"
        " genotypes",
        "name an expression series in the cell `source`; a SuperSeries lists the series of each"
        " kind it is made of",
    )


def select(attributes: pd.DataFrame, row: Row, chosen: Collection[str]) -> list[tuple[str, str]]:
    """Return which samples are left out because they are of another assay or organism, and refuse
    what needs the user's choice.

    Parameters
    ----------
    attributes
        Samples that are left so far; columns organism, platform, library_strategy, library_source,
        molecule as far as known.
    row
        Row of the data set table: the cells `organism` and `assay` choose.
    chosen
        Attributes that the cell `include` is about: naming one is a choice.

    Returns
    -------
    Pairs of sample and reason.

    Raises
    ------
    InputError
        Several organisms, platforms or assays without a choice.
    """
    left_out: list[tuple[str, str]] = []
    for rule in (_other_strategy, _other_assay, _other_organism):
        gone = {sample for sample, _ in left_out}
        left_out += rule(
            attributes.loc[[name not in gone for name in attributes.index]], row, chosen
        )
    gone = {sample for sample, _ in left_out}
    rest = attributes.loc[[name not in gone for name in attributes.index]]
    if "platform" not in chosen and len(platforms := _counts(rest, "platform")) > 1:
        raise _choose(
            row,
            "platforms",
            platforms,
            "values of different platforms are not comparable as they are",
            attribute="platform",
        )
    return left_out


def _expression(attributes: pd.DataFrame) -> pd.Series:
    """Tell for each sample whether it can be gene expression; an unknown strategy can, unless DNA
    or protein was measured."""
    strategy = _column(attributes, "library_strategy")
    molecule = _column(attributes, "molecule")
    named = strategy.map(lambda text: bool(_RNA_STRATEGY.match(text)))
    unknown = strategy.map(lambda text: text.upper() in {"", "OTHER"}) & ~molecule.map(
        lambda text: bool(_DNA.search(text))
    )
    return named | unknown


def species_of(text: str) -> list[str]:
    """Return the species that a sample's organism names: one, or two for grafts and mixtures."""
    return [part.strip() for part in re.split(r"[;\n|/]", text) if part.strip()]


def of_single_cells(attributes: pd.DataFrame) -> pd.Series:
    """Tell for each sample whether its library was made of single cells or nuclei."""
    return _column(attributes, "library_source").map(lambda text: bool(_SINGLE_CELL.search(text)))


def _column(attributes: pd.DataFrame, name: str) -> pd.Series:
    return (
        attributes[name]
        if name in attributes
        else pd.Series("", index=attributes.index, dtype=object)
    )


def _counts(attributes: pd.DataFrame, name: str) -> dict[str, int]:
    values = _column(attributes, name)
    return {
        str(value): int(number)
        for value, number in values[values != ""].value_counts().sort_index().items()
    }


def _other_strategy(
    attributes: pd.DataFrame, row: Row, chosen: Collection[str]
) -> list[tuple[str, str]]:
    if "library_strategy" in chosen:
        return []
    expression = _expression(attributes)
    strategy = _column(attributes, "library_strategy")
    # Where RNA-Seq is declared, OTHER is ribosome profiling, Cut&Tag and the like.
    if any(map(_RNA_STRATEGY.match, strategy)):
        expression &= strategy.map(lambda text: text.upper() != "OTHER")
    return [
        (str(name), f"{strategy[name] or 'its molecule'} is not RNA sequencing")
        for name in attributes.index[~expression]
    ]


def _other_assay(
    attributes: pd.DataFrame, row: Row, chosen: Collection[str]
) -> list[tuple[str, str]]:
    source = _column(attributes, "library_source")
    single = of_single_cells(attributes)
    if "library_source" in chosen or single.all() or not single.any():
        return []
    if row.assay == "auto":
        counts = {"single_cell": int(single.sum()), "bulk": int((~single).sum())}
        raise _choose(
            row, "assays", counts, "single cells and bulk samples are not comparable", cell="assay"
        )
    wanted = single if row.assay == "single_cell" else ~single
    return [
        (str(name), f"library source '{source[name]}', assay = {row.assay}")
        for name in attributes.index[~wanted]
    ]


def _other_organism(
    attributes: pd.DataFrame, row: Row, chosen: Collection[str]
) -> list[tuple[str, str]]:
    counts = _counts(attributes, "organism")
    if "organism" in chosen or len(counts) < 2:
        return []
    if row.organism == "auto":
        raise _choose(
            row,
            "organisms",
            counts,
            "their genes are not the same",
            attribute="organism",
            cell="organism",
        )
    organism = _column(attributes, "organism")
    wanted = organism.map(lambda text: ORGANISMS.get(text) == row.organism)
    return [
        (str(name), f"organism '{organism[name]}', organism = {row.organism}")
        for name in attributes.index[~wanted]
    ]


def _choose(
    row: Row, what: str, counts: dict[str, int], why: str, *, attribute: str = "", cell: str = ""
) -> Choice:
    listed = ", ".join(f"{name} ({number})" for name, number in counts.items())
    largest = sorted(counts, key=lambda name: (-counts[name], name))
    cells = (
        {name: ORGANISMS.get(name, "") if cell == "organism" else name for name in largest}
        if cell
        else {}
    )
    ways = (
        [f"set the cell `{cell}` to {' or '.join(filter(None, cells.values()))}"]
        if any(cells.values())
        else []
    )
    if attribute:
        ways.append(
            f"choose by `include`, such as {attribute}={largest[0]}"
            + (" (several joined by |)" if attribute == "platform" else "")
        )
    choice = Choice(
        f"samples of {len(counts)} {what}: {listed}",
        f"data set '{row.dataset}', the record of {row.source}",
        why,
        ", or ".join(ways),
    )
    if cells.get(largest[0]):
        choice.cell, choice.text = cell, cells[largest[0]]
    elif attribute and not re.search("[;|]", largest[0]):
        choice.cell, choice.text = "include", f"{attribute}={largest[0]}"
    return choice
