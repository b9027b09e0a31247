"""Across series: two data sets over common genes, the one to train on and the other to test on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import scipy.sparse

from epigpt.dataset import cell_sample, human_genes, normalization, storage
from epigpt.errors import InputError
from epigpt.genes.annotation import ORGANISMS
from epigpt.samples.classes import class_order
from epigpt.samples.donors import singular

FEWEST_SHARED = 50
FEWEST_GROUPS = 3
TEST_FOLD, TRAINING_FOLD = 0, 1


@dataclass(frozen=True)
class PairedDataset:
    """One data set of a pair.

    Attributes
    ----------
    name
        Its id.
    obs
        Columns sample, group, label; one row per observation.
    counts
        Observations × genes, CSR.
    genes, symbols
        Of the columns.
    organism, assay
        As expression.h5ad says.
    classes
        In their order: control, then case, where there are two.
    case_named
        Whether the row of datasets.tsv says which class is the case.
    donors
        What groups are called, in the plural.
    """

    name: str
    obs: pd.DataFrame
    counts: scipy.sparse.csr_matrix
    genes: list[str]
    symbols: list[str]
    organism: str
    assay: str
    classes: list[str]
    case_named: bool
    donors: str = "donors"

    @property
    def units(self) -> str:
        """What scores are over: `donors`, or samples where each is its own."""
        return "samples" if self.obs["group"].is_unique else self.donors


def are_sums(expression: Path) -> bool:
    """Return whether models see the sums of a data set's cells over their samples."""
    return storage.text(expression, cell_sample.OBSERVED) == cell_sample.SUMS


def read(
    name: str, expression: Path, case: str, control: str, summed: bool = False
) -> PairedDataset:
    """Read the raw counts of a data set's kept observations, without genes that no model may see.

    Parameters
    ----------
    case, control
        Cells of its row.
    summed
        Whether cells are summed over their samples, as where either of a pair's models sees sums;
        else those are read that stand for their donors, as in the models of either data set.
    """
    assay = storage.text(expression, "assay")
    if summed and assay == "single_cell":
        data = storage.by_sample(expression)
        obs, var, counts, assay = data.obs, data.var, data.layers["counts"], "bulk"
    else:
        obs, var = storage.parts(expression, "obs", "var")
        drawn = obs.get(cell_sample.COLUMN, pd.Series(True, index=obs.index)).to_numpy(dtype=bool)
        rows, obs = np.flatnonzero(drawn), obs[drawn]
        read = [block for _, block in storage.blocks(expression, "layers/counts", rows)]
        counts = scipy.sparse.vstack(read, format="csr")
    if "excluded" in var:
        seen = ~var["excluded"].to_numpy(dtype=bool)
        var, counts = var[seen], counts[:, seen]
    obs = obs[["sample", "group", "label"]].astype(str)
    organism, donors = (storage.text(expression, name) for name in ("organism", "donors"))
    return PairedDataset(
        name=name,
        obs=obs,
        counts=scipy.sparse.csr_matrix(counts),
        genes=[str(gene) for gene in var.index],
        symbols=[str(symbol) for symbol in var["symbol"]],
        organism=organism,
        assay=assay or "bulk",
        classes=class_order(obs["label"], case, control),
        case_named=bool(case or control),
        donors=donors or "donors",
    )


def corresponding_classes(trained: PairedDataset, tested: PairedDataset) -> dict[str, str]:
    """Return which class of the trained series each class of the tested one is.

    Equal names correspond. Otherwise case corresponds to case and control to control, where both
    rows name them.

    Raises
    ------
    InputError
        Different numbers of classes, a single class, or names from which it does not follow.
    """
    where = f"transfer {trained.name} -> {tested.name}"
    classes_in_words = [
        f"'{series.name}': {', '.join(series.classes)}" for series in (trained, tested)
    ]
    if len(trained.classes) != len(tested.classes) or len(trained.classes) < 2:
        raise InputError(
            f"{len(trained.classes)} classes against {len(tested.classes)}"
            f" ({'; '.join(classes_in_words)})",
            where,
            "a model can only be tested on the classes that it was trained to tell apart",
            "choose the same classes by 'case' and 'control' in both rows, or remove the pair from"
            " 'transfer'",
        )
    if set(trained.classes) == set(tested.classes):
        return {name: name for name in tested.classes}
    if len(trained.classes) > 2 or not (trained.case_named and tested.case_named):
        raise InputError(
            f"classes of different names ({'; '.join(classes_in_words)})",
            where,
            "it does not follow which class of the one series is which of the other",
            "name 'case' or 'control' in both rows, or remove the pair from 'transfer'",
        )
    return dict(zip(tested.classes, trained.classes, strict=True))


def over_human_genes(series: PairedDataset) -> pd.DataFrame:
    """Return counts per observation and human gene, co-orthologs summed; genes without a human
    counterpart are left out.

    Returns
    -------
    pandas.DataFrame
        Sparse; index as `series.obs`, columns human symbols, sorted.
    """
    if series.organism not in ORGANISMS:
        raise InputError(
            f"organism '{series.organism or 'unknown'}' of data set '{series.name}'",
            "key transfer",
            "genes are matched between series through human orthologs, which are known for "
            + ", ".join(ORGANISMS),
            "remove the pair from 'transfer'",
        )
    names, counts = human_genes.summed(series.counts, series.genes, series.symbols, series.organism)
    if not len(names):
        return pd.DataFrame(index=series.obs.index)
    return pd.DataFrame.sparse.from_spmatrix(counts, index=series.obs.index, columns=names)


def join(
    trained: PairedDataset, tested: PairedDataset
) -> tuple[anndata.AnnData, pd.DataFrame, dict[str, Any]]:
    """Put two series over the genes they share.

    Nothing is fitted here: counts are summed over co-orthologs and scaled per observation. Which
    genes the pair shares follows from the two lists of genes alone, not from any count of the
    tested series.

    Returns
    -------
    joined
        Like expression.h5ad: layers counts and lognorm; names of observations, samples and groups
        begin with their data set's id, labels are those of the trained series.
    folds
        sample, group, repeat, fold: the tested series is fold 0 of repeat 0. Fold 1 holds the
        trained series and is never tested.
    summary
        trained_on, tested_on, organisms, genes of each, shared_genes, classes, and `reason`: why
        the pair cannot be tested, or empty. What only the data could tell (too few groups in a
        class, too few shared genes) stops neither series' report.

    Raises
    ------
    InputError
        What the row of a data set decides: classes that do not correspond, unlike assays, an
        organism without orthologs.
    """
    where = f"transfer {trained.name} -> {tested.name}"
    classes = corresponding_classes(trained, tested)
    if trained.assay != tested.assay:
        raise InputError(
            f"'{trained.name}' is {trained.assay}, '{tested.name}' {tested.assay}",
            where,
            "single cells and bulk samples are on different scales",
            "remove the pair from 'transfer'",
        )
    parts = [over_human_genes(series) for series in (trained, tested)]
    shared = sorted(set(parts[0].columns) & set(parts[1].columns))
    empty = scipy.sparse.csr_matrix((len(trained.obs) + len(tested.obs), 0))
    found = (
        [scipy.sparse.csr_matrix(part[shared].sparse.to_coo()) for part in parts]
        if shared
        else [empty]
    )
    counts = scipy.sparse.vstack(found, format="csr")
    obs = pd.concat([_named(trained, {}), _named(tested, classes)])
    joined = anndata.AnnData(
        obs=obs,
        var=pd.DataFrame({"symbol": shared}, index=pd.Index(shared, name="gene")),
        layers={
            "counts": counts.astype(np.float32),
            "lognorm": normalization.lognorm(counts, normalization.SCALE[trained.assay]),
        },
        uns={"assay": trained.assay, "organism": "human"},
    )
    folds = obs.drop_duplicates("sample")[["sample", "group"]].assign(repeat=0)
    folds["fold"] = np.where(
        folds["sample"].str.startswith(f"{tested.name}:"), TEST_FOLD, TRAINING_FOLD
    )
    return (
        joined,
        folds.sort_values("sample", ignore_index=True),
        {
            "trained_on": trained.name,
            "tested_on": tested.name,
            "organisms": {series.name: series.organism for series in (trained, tested)},
            "human_genes": {
                series.name: part.shape[1]
                for series, part in zip((trained, tested), parts, strict=True)
            },
            "shared_genes": len(shared),
            "unit": tested.units,
            "classes": trained.classes,
            "corresponding": classes,
            "reason": _obstacle(trained, tested, len(shared)),
        },
    )


def _obstacle(trained: PairedDataset, tested: PairedDataset, shared: int) -> str:
    """Return why a score of the pair would mean nothing; empty where it would."""
    for series, why in (
        (trained, "nothing can be tuned on it"),
        (tested, "no score on it means anything"),
    ):
        held = series.obs.drop_duplicates(["group", "label"]).groupby("label").size()
        smallest = min(series.classes, key=lambda name: (held[name], name))
        if held[smallest] < FEWEST_GROUPS:
            number = int(held[smallest])
            word = singular(series.donors) if number == 1 else series.donors
            return (
                f"class '{smallest}' of '{series.name}' has {number} {word}: with fewer than"
                f" {FEWEST_GROUPS} in a class {why}"
            )
    if shared < FEWEST_SHARED:
        return (
            f"the two series share {shared} genes, fewer than {FEWEST_SHARED}; for zebrafish the"
            " package danrerlib carries the orthologs of the whole genome"
        )
    return ""


def _named(series: PairedDataset, classes: dict[str, str]) -> pd.DataFrame:
    named = series.obs.assign(
        **{column: f"{series.name}:" + series.obs[column] for column in ("sample", "group")}
    )
    named["label"] = series.obs["label"].map(lambda label: classes.get(label, label))
    named.index = pd.Index([f"{series.name}:{name}" for name in series.obs.index])
    return named
