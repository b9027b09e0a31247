"""The paper's four claims and two findings, each held against one data set."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from epigpt.interpretation.donor_statistics import compare
from epigpt.interpretation.markers import SIGNIFICANT, verdict

CLAIMS = ["claim", "genes", "expected", "finding", "verdict"]
_GENES = (
    ("GRIA1 up", ("GRIA1",), "up"),
    ("GRIA2 down", ("GRIA2",), "down"),
    ("SST and PVALB changed", ("SST", "PVALB"), "changed"),
    ("FOSB up", ("FOSB",), "up"),
)
_VERDICTS = {
    "as expected": "supported",
    "changed": "supported",
    "opposite": "contradicted",
    "not significant": "not supported",
}
_LOG2 = 1 / np.log(2)


@dataclass(frozen=True)
class Evidence:
    """What the claims are held against.

    Attributes
    ----------
    markers, sets, balance
        As `markers.assess`, `markers.score_sets` and `balance.score` give them.
    expression
        Samples × human symbols, co-orthologs summed.
    samples
        Index: samples; columns group and label.
    classes
        Case and control; an empty control stands for all other classes.
    """

    markers: pd.DataFrame
    sets: pd.DataFrame
    balance: pd.DataFrame
    expression: pd.DataFrame
    samples: pd.DataFrame
    classes: tuple[str, str]


def judge(evidence: Evidence) -> pd.DataFrame:
    """Hold every claim against the data set.

    Returns
    -------
    pandas.DataFrame
        `CLAIMS`. verdict: supported, contradicted (significant in the other direction), not
        supported (no significant change), or not assessable (gene missing or not tested, fewer than
        three donors in a class). Of a claim about two genes the weaker half counts. A gene with one
        ortholog is judged by the contrast and its FDR over all genes; co-orthologs are summed and
        compared by donor.
    """
    rows = [_gene_claim(evidence, *claim) for claim in _GENES]
    rows += [_astrogliosis(evidence.sets), _balance(evidence)]
    return pd.DataFrame(rows, columns=CLAIMS)


def _gene_claim(
    evidence: Evidence, claim: str, genes: Sequence[str], expected: str
) -> tuple[str, ...]:
    found = [_change(evidence, name) for name in genes]
    judged = [verdict(expected, change, p) for _, change, p, _ in found]
    told = "; ".join(
        (
            f"{symbol}: gene missing or not tested"
            if one == "not assessable"
            else f"{symbol} log2 fold change {change:+.2f}, {kind} {p:.2g}"
        )
        for (symbol, change, p, kind), one in zip(found, judged, strict=True)
    )
    outcomes = [_VERDICTS.get(one, one) for one in judged]
    weakest = next(
        name
        for name in ("not assessable", "contradicted", "not supported", "supported")
        if name in outcomes
    )
    return claim, " ".join(symbol for symbol, *_ in found), expected, told, weakest


def _change(evidence: Evidence, name: str) -> tuple[str, float, float, str]:
    part = evidence.markers[evidence.markers["human_symbol"] == name].drop_duplicates("symbol")
    here = part[part["located"]]
    symbol = "+".join(here["symbol"]) if len(here) else "+".join(part["symbol"]) or name
    if len(here) <= 1:
        row = here.iloc[0] if len(here) else None
        return (
            symbol,
            *(
                (np.nan, np.nan)
                if row is None
                else (float(row["log2_fold_change"]), float(row["padj"]))
            ),
            "FDR",
        )
    summed = compare(evidence.expression[name], evidence.samples, *evidence.classes)
    return f"{symbol} summed", summed.estimate * _LOG2, summed.p, "p"


def _astrogliosis(sets: pd.DataFrame) -> tuple[str, ...]:
    row = sets.set_index("set").loc["astrogliosis"]
    outcome = _VERDICTS.get(verdict("changed", row["difference"], row["padj"]), "not assessable")
    if outcome == "not assessable":
        told = (
            f"{row['n_genes']} expressed genes, {row['n_case']} against {row['n_control']} donors:"
            " too few to test"
        )
    else:
        direction = "up" if row["difference"] > 0 else "down"
        told = (
            f"the set is {direction} by {abs(row['difference']):.2f} (mean z over {row['n_genes']}"
            f" genes), FDR {row['padj']:.2g}"
        )
    return "astrogliosis changed", str(row["genes"]), "changed", told, outcome


def _balance(evidence: Evidence) -> tuple[str, ...]:
    balance = evidence.balance
    claim = "excitation/inhibition balance changed"
    scored = balance.dropna(subset=["score"]).set_index("sample")["score"].astype(float)
    found = compare(scored, evidence.samples.loc[scored.index], *evidence.classes)
    genes = (
        f"{balance['excitatory'].iloc[0]} / {balance['inhibitory'].iloc[0]}" if len(balance) else ""
    )
    if np.isnan(found.p):
        return (
            claim,
            genes,
            "changed",
            f"{found.cases} against {found.controls} donors with a score: too few to test",
            "not assessable",
        )
    towards = "excitation" if found.estimate > 0 else "inhibition"
    told = (
        f"the score moves by {found.estimate:+.2f}, towards {towards}, over {found.cases} against"
        f" {found.controls} donors, p {found.p:.2g}"
    )
    return claim, genes, "changed", told, "supported" if found.p < SIGNIFICANT else "not supported"
