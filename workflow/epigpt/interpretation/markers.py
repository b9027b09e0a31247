"""Marker genes against their expected direction, the excitation/inhibition score, and the paper's claims."""

import numpy as np
import pandas as pd

from epigpt.genes.markers import EXCITATORY, INHIBITORY, locate, marker_sets

MARKERS = ["set", "gene", "symbol", "expected", "log2_fold_change", "padj", "attribution", "verdict"]
CLAIMS = ["claim", "genes", "expected", "finding", "verdict"]
BALANCE = ["sample", "group", "label", "score", "excitatory", "inhibitory"]
SIGNIFICANT = 0.05
_GENE_CLAIMS = (("GRIA1 up", ["GRIA1"], "up"), ("GRIA2 down", ["GRIA2"], "down"), ("SST and PVALB changed", ["SST", "PVALB"], "changed"))
_FOSB = ("FOSB up", ["FOSB"], "up")


def assess(organism: str, genes: pd.DataFrame, contrasts: pd.DataFrame) -> pd.DataFrame:
    """Hold every marker against its expected direction.

    Parameters
    ----------
    organism
        human, mouse, rat or zebrafish.
    genes
        Index: canonical gene ids of the data set; column symbol.
    contrasts
        Differential expression of one contrast; may be empty.

    Returns
    -------
    pandas.DataFrame
        Columns `MARKERS` and human_symbol. verdict: as expected, opposite, changed, not significant; "not assessable" where the gene is
        missing or was not tested, which is not the same as unchanged.
    """
    table = marker_sets(organism).copy()
    table["gene"] = locate(table, list(genes.index), list(genes["symbol"])).to_numpy()
    tested = contrasts.drop_duplicates("gene").set_index("gene")
    found = tested.reindex(table["gene"])
    table["log2_fold_change"] = found["log2_fold_change"].to_numpy(dtype=float)
    table["padj"] = found["padj"].to_numpy(dtype=float)
    table["attribution"] = np.nan
    table["expected"] = table["expected"].fillna("")
    table["verdict"] = [_verdict(*row) for row in zip(table["expected"], table["log2_fold_change"], table["padj"], strict=True)]
    return table


def _verdict(expected: str, change: float, padj: float) -> str:
    if np.isnan(change) or np.isnan(padj):
        return "not assessable"
    if padj >= SIGNIFICANT:
        return "not significant"
    if expected not in ("up", "down"):
        return "changed"
    return "as expected" if (change > 0) == (expected == "up") else "opposite"


def balance(sets: pd.DataFrame, samples: pd.DataFrame, lognorm: pd.DataFrame) -> pd.DataFrame:
    """Score each sample: mean z of the excitatory genes minus mean z of the inhibitory ones (z over the samples of the data set).

    Parameters
    ----------
    sets
        As `assess` gives it; its members are EXCITATORY and INHIBITORY of `epigpt.genes.markers`.
    samples
        Index: samples; columns group, label.
    lognorm
        Samples × genes, log-normalised, means over the cells of a sample.
    """
    sides = {
        "excitatory": sets[sets["human_symbol"].isin(EXCITATORY)],
        "inhibitory": sets[sets["human_symbol"].isin(INHIBITORY)],
    }
    spread = lognorm.std(ddof=0)
    z = (lognorm - lognorm.mean())[spread.index[spread > 0]] / spread[spread > 0]
    means = {side: z[[gene for gene in dict.fromkeys(part["gene"]) if gene in z]] for side, part in sides.items()}
    score = means["excitatory"].mean(axis=1) - means["inhibitory"].mean(axis=1)
    members = {side: " ".join(sorted(set(sides[side].loc[sides[side]["gene"].isin(list(part)), "symbol"]))) for side, part in means.items()}
    table = pd.DataFrame({"sample": z.index, "group": samples["group"].to_numpy(), "label": samples["label"].to_numpy()})
    return table.assign(score=score.to_numpy(), **members)[BALANCE]


def claims(markers: pd.DataFrame, scores: pd.DataFrame, case: str) -> pd.DataFrame:
    """Hold the paper's four claims and two findings against the data set: supported, contradicted, not supported, not assessable."""
    rows = [_gene_claim(markers, *claim) for claim in (*_GENE_CLAIMS, _FOSB)]
    glia = markers[markers["set"].str.contains("astrogliosis", case=False)].dropna(subset=["log2_fold_change"])
    rows.append(_set_claim("astrogliosis changed", glia))
    rows.append(_balance_claim(scores, case))
    return pd.DataFrame(rows, columns=CLAIMS)


def _gene_claim(markers: pd.DataFrame, claim: str, human: list[str], expected: str) -> tuple[str, str, str, str, str]:
    part = markers[markers["human_symbol"].isin(human)].drop_duplicates(["human_symbol", "symbol"])
    known = part.dropna(subset=["log2_fold_change", "padj"])
    if known.empty or len(set(known["human_symbol"])) < len(human):
        return claim, " ".join(human), expected, "gene missing or not tested", "not assessable"
    told = [(row.log2_fold_change, row.padj) for row in known.itertuples()]
    finding = "; ".join(f"{row.symbol} log2 fold change {row.log2_fold_change:+.2f}, padj {row.padj:.2g}" for row in known.itertuples())
    verdicts = {_verdict(expected if expected != "changed" else "", change, padj) for change, padj in told}
    if verdicts <= {"as expected", "changed"}:
        return claim, " ".join(human), expected, finding, "supported"
    return claim, " ".join(human), expected, finding, "contradicted" if "opposite" in verdicts else "not supported"


def _set_claim(claim: str, part: pd.DataFrame) -> tuple[str, str, str, str, str]:
    from scipy.stats import wilcoxon

    genes = " ".join(part["symbol"])
    if len(part) < 5 or not part["log2_fold_change"].any():
        return claim, genes, "changed", f"{len(part)} genes of the set were tested", "not assessable"
    p = float(wilcoxon(part["log2_fold_change"]).pvalue)
    finding = f"median log2 fold change {part['log2_fold_change'].median():+.2f} over {len(part)} genes, signed-rank p {p:.2g}"
    return claim, genes, "changed", finding, "supported" if p < SIGNIFICANT else "not supported"


def _balance_claim(scores: pd.DataFrame, case: str) -> tuple[str, str, str, str, str]:
    from scipy.stats import mannwhitneyu

    claim = "excitation/inhibition balance changed"
    by_group = scores.groupby(["label", "group"])["score"].mean().dropna()
    classes = list(by_group.index.unique("label"))
    if len(classes) != 2 or min(len(by_group[name]) for name in classes) < 3:
        return claim, "", "changed", "needs two classes of three donors", "not assessable"
    positive = case if case in classes else classes[-1]
    other = next(name for name in classes if name != positive)
    p = float(mannwhitneyu(by_group[positive], by_group[other]).pvalue)
    finding = f"mean score {by_group[positive].mean():+.2f} in {positive}, {by_group[other].mean():+.2f} in {other}, rank-sum p {p:.2g}"
    return claim, "", "changed", finding, "supported" if p < SIGNIFICANT else "not supported"
