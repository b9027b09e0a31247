"""A data set whose source is an h5ad file."""

import tempfile
from pathlib import Path

import pandas as pd

from epigpt.config.dataset_row import Row
from epigpt.dataset.sample_annotation import SampleAnnotation
from epigpt.errors import InputError
from epigpt.matrices import h5ad, hdf5_safety
from epigpt.matrices.candidate import Candidate
from epigpt.matrices.sample_matching import SampleNames, like_barcodes
from epigpt.matrices.streams import Budget, Member
from epigpt.matrices.value_kind import IN_WORDS, kind_of_values
from epigpt.matrices.values import Values
from epigpt.samples import assays
from epigpt.samples.donors import suggested_group

_SAMPLE_COLUMNS = (
    "sample",
    "sample_id",
    "sample_name",
    "samplename",
    "sampleid",
    "gsm",
    "geo_accession",
    "library",
    "library_id",
    "orig.ident",
)
_FEWEST_VALUES = 2
_MOST_LISTED = 12


def from_h5ad(
    row: Row, member: Member, allowed: frozenset[str], budget: Budget, scratch: Path
) -> tuple[Candidate, SampleAnnotation]:
    """Read an h5ad file that describes its samples itself."""
    with hdf5_safety.opened(member, budget, scratch) as file:
        values, obs, uns = h5ad.read_h5ad(file, member.name)
    assay = row.assay if row.assay != "auto" else uns.get("assay", "auto")
    if assay == "auto":
        assay = "single_cell" if len(obs) > 2000 or like_barcodes(values.observations) else "bulk"
    values.observations, obs = _each_once(values, obs, member.name, cells=assay == "single_cell")
    samples, table = _samples_of(row, obs) if assay == "single_cell" else (values.observations, obs)
    kind = kind_of_values(values.matrix, single_cell=assay == "single_cell")
    if kind.type not in {"raw_counts", *allowed}:
        raise InputError(
            f"{IN_WORDS[kind.type]}: {kind.evidence}",
            member.name,
            "count models need counts",
            "store the counts in layers['counts'], or accept these values by `--config"
            " allow_values='[" + kind.type + "]'`",
        )
    recorded = [latin for latin, name in assays.ORGANISMS.items() if name == uns.get("organism")]
    about = SampleAnnotation(table[[]], table, SampleNames.of_sheet(table.index), recorded)
    about.declared_simulated = uns.get("simulated", "") in ("True", "1", "true")
    return (
        Candidate(
            member.name,
            "h5ad",
            values,
            samples,
            kind,
            assay == "single_cell",
            {"orientation": "cells × genes"},
            cells=obs if assay == "single_cell" else obs[[]],
        ),
        about,
    )


def samples_of_h5ad(row: Row, budget: Budget) -> tuple[pd.DataFrame, int, str]:
    """Read which samples an .h5ad file describes, its counts left unread.

    Returns
    -------
    samples
        Index sample; the characteristics as text.
    observations
        Number of its rows: samples, or cells.
    assay
        bulk or single_cell, as the row says or the file looks.
    """
    where = Path(row.source).name
    with tempfile.TemporaryDirectory(prefix="epigpt-") as scratch:
        member = Member.of_file(Path(row.source))
        with hdf5_safety.opened(member, budget, Path(scratch)) as file:
            obs = h5ad.read_obs(file, where)
    assay = row.assay
    if assay == "auto":
        cells = len(obs) > 2000 or like_barcodes(list(obs.index))
        assay = "single_cell" if cells else "bulk"
    samples = _samples_of(row, obs)[1] if assay == "single_cell" else obs
    return samples, len(obs), assay


def _each_once(
    values: Values, obs: pd.DataFrame, where: str, *, cells: bool
) -> tuple[list[str], pd.DataFrame]:
    """Return names and table with each observation's name once.

    Barcodes of cells repeat between samples and get a number; a bulk sample twice is refused.
    """
    repeated = obs.index[obs.index.duplicated()]
    if repeated.empty:
        return values.observations, obs
    if not cells:
        raise InputError(
            f"sample {repeated[0]!r} {int((obs.index == repeated[0]).sum())} times",
            f"obs of {where}",
            "each sample may have one row; as two, it would be counted as two samples",
            "give each a name of its own (`adata.obs_names_make_unique()`), or set the cell"
            " `assay` to single_cell where the rows are cells",
        )
    names = pd.Index(obs.index).to_series().groupby(level=0).cumcount().to_numpy()
    taken = set(obs.index)
    unique = []
    for name, number in zip(obs.index, names, strict=True):
        chosen = name
        while number and chosen in taken:
            chosen = f"{name}-{number}"
            number += 1  # noqa: PLW2901 - until the name is free
        taken.add(chosen)
        unique.append(chosen)
    values.notes.append(f"{len(repeated)} cells had the name of another one and got a number.")
    return unique, obs.set_axis(pd.Index(unique, dtype=object))


def _samples_of(row: Row, obs: pd.DataFrame) -> tuple[list[str], pd.DataFrame]:
    """Find which sample each cell belongs to: a column that says so, else its donor; where cells of
    one differ in the label, each of its values is a sample of its own."""
    named = {name.lower(): name for name in obs}
    column = next(
        (
            named[name]
            for name in _SAMPLE_COLUMNS
            if name in named and obs[named[name]].nunique() < len(obs)
        ),
        None,
    )
    label = next((name for name in obs if name.lower() == row.label.lower()), None)
    differs = column is not None and label is not None and _most_within(obs, column, label) > 1
    donor = next((name for name in obs if name.lower() == row.group.lower()), None)
    if donor is None and row.group == "auto" and (found := suggested_group(obs)) != "sample":
        donor = found
    owner = column if donor is None or (column is not None and not differs) else donor
    if owner is None or (differs and donor is None):
        raise InputError(
            "cells that name no sample",
            f"obs of {row.source}",
            "cells of one donor are not independent, so each cell cannot count as a sample of"
            " its own group",
            "name the obs column that holds the donor in the cell `group` (`epigpt start`:"
            " --group NAME)"
            + ("" if column is None else f", since '{label}' differs within '{column}'")
            + _that_repeat(obs),
        )
    sample = obs[owner].astype(str)
    if label is not None and _most_within(obs, owner, label) > 1:
        sample += " " + obs[label].astype(str)
    constant = [
        name for name in obs if name != column and obs.groupby(sample)[name].nunique().max() <= 1
    ]
    return sample.tolist(), obs.set_axis(sample)[~sample.duplicated().to_numpy()][constant]


def _that_repeat(obs: pd.DataFrame) -> str:
    """List the columns that could say which cells are of one donor."""
    found = [
        f"'{name}' ({obs[name].nunique()} values)"
        for name in obs
        if _FEWEST_VALUES <= obs[name].nunique() < len(obs)
    ]
    return f"; columns that repeat: {', '.join(found[:_MOST_LISTED])}" if found else ""


def _most_within(obs: pd.DataFrame, owner: str, name: str) -> int:
    """Return the largest number of values of a column within one owner."""
    return int(obs.groupby(owner)[name].nunique().max())
