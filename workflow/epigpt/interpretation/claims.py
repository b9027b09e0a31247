"""The paper's four claims and two findings, each held against one data set.

They were fixed before the data were seen, so that their p values are corrected for their own number
alone (Holm) and not for twenty thousand other genes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from epigpt.evaluation.multiple_testing import holm
from epigpt.interpretation.domain import applies
from epigpt.interpretation.donor_statistics import FEWEST_DONORS, compare
from epigpt.interpretation.markers import verdict

CLAIMS = ["claim", "genes", "expected", "finding", "verdict"]
_GENES = (
    ("GRIA1 up", ("GRIA1",), "up"),
    ("GRIA2 down", ("GRIA2",), "down"),
    ("SST and PVALB changed", ("SST", "PVALB"), "changed"),
    ("FOSB up", ("FOSB",), "up"),
)
_ASTROGLIOSIS, _BALANCE = "astrogliosis changed", "excitation/inhibition balance changed"
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


@dataclass(frozen=True)
class Test:
    """One test behind a claim: what was tested, in words without p, its change and p (NaN where it
    could not be tested)."""

    told: str
    change: float
    p: float


def obstacle(answer: dict[str, Any], reading: dict[str, Any], domain: str = "auto") -> str:
    """Return why no claim can be assessed in this data set, whatever its genes do; empty where
    nothing stands against it.

    Parameters
    ----------
    answer
        Content of verdict.json.
    reading
        Content of reading.json.
    domain
        The key of that name.
    """
    classes = [str(name) for name in answer.get("classes") or []]
    if not applies(reading, classes, domain):
        return "the record does not speak of epilepsy"
    if len(classes) > 2:
        return f"{len(classes)} classes are compared, not epilepsy with control"
    confounders = answer.get("confounders") or []
    if confounders:
        return f"'{confounders[0]}' goes with the classes and could change the genes as well"
    fewest = min((answer.get("groups_per_class") or {"": FEWEST_DONORS}).values())
    if fewest < FEWEST_DONORS:
        return f"a class has {fewest} donor" + "s" * (fewest != 1)
    return ""


def caveat(answer: dict[str, Any]) -> str:
    """Return what a reader must know beside a claim that is assessed; empty where there is
    nothing."""
    return {
        "no_evidence": "no model tells the classes apart",
        "too_few_donors": "there are too few donors to tell the classes apart by a model",
    }.get(str(answer.get("verdict")), "")


def judge(evidence: Evidence, against: str = "", beside: str = "") -> pd.DataFrame:
    """Hold every claim against the data set.

    Parameters
    ----------
    evidence
        Tests of genes, sets and the balance.
    against, beside
        As `obstacle` and `caveat` give them.

    Returns
    -------
    pandas.DataFrame
        `CLAIMS`. verdict: supported, contradicted (significant in the other direction), not
        supported (no significant change), or not assessable (an obstacle, a gene missing or not
        tested, fewer than three donors in a class). Of a claim about two genes the weaker half
        counts. p are corrected by Holm over all tests of all claims. A gene with one ortholog is
        tested by the contrast; co-orthologs are summed and compared by donor.
    """
    asked: list[tuple[str, str, str, list[Test]]] = []
    for claim, genes, expected in _GENES:
        found = [_change(evidence, name) for name in genes]
        names = " ".join(symbol for symbol, _ in found)
        asked.append((claim, names, expected, [test for _, test in found]))
    asked += [_astrogliosis(evidence.sets), _balance(evidence)]
    corrected = iter(holm([test.p for *_, tests in asked for test in tests]))
    rows = []
    for claim, names, expected, tests in asked:
        p = [np.nan if (own := next(corrected)) is None else own for _ in tests]
        outcomes = [
            _VERDICTS.get(outcome := verdict(expected, test.change, own), outcome)
            for test, own in zip(tests, p, strict=True)
        ]
        told = "; ".join(
            test.told if np.isnan(own) else f"{test.told}, p {own:.2g} after correction"
            for test, own in zip(tests, p, strict=True)
        )
        weakest = next(
            name
            for name in ("not assessable", "contradicted", "not supported", "supported")
            if name in outcomes
        )
        if against:
            told, weakest = f"{told}; not assessable: {against}", "not assessable"
        elif beside and weakest != "not assessable":
            told = f"{told}; {beside}"
        rows.append((claim, names, expected, told, weakest))
    return pd.DataFrame(rows, columns=CLAIMS)


def _change(evidence: Evidence, name: str) -> tuple[str, Test]:
    part = evidence.markers[evidence.markers["human_symbol"] == name].drop_duplicates("symbol")
    here = part[part["located"]]
    symbol = "+".join(here["symbol"]) if len(here) else "+".join(part["symbol"]) or name
    missing = Test(f"{symbol}: gene missing or not tested", np.nan, np.nan)
    if len(here) > 1:
        summed = compare(evidence.expression[name], evidence.samples, *evidence.classes)
        symbol, change, p = f"{symbol} summed", summed.estimate * _LOG2, summed.p
    elif len(here):
        change, p = (float(here.iloc[0][column]) for column in ("log2_fold_change", "p"))
    else:
        return symbol, missing
    if np.isnan(p) or np.isnan(change):
        return symbol, missing
    return symbol, Test(f"{symbol} log2 fold change {change:+.2f}", change, p)


def _astrogliosis(sets: pd.DataFrame) -> tuple[str, str, str, list[Test]]:
    row = sets.set_index("set").loc["astrogliosis"]
    if np.isnan(row["p"]):
        told = (
            f"{row['n_genes']} expressed genes, {row['n_case']} against {row['n_control']} donors:"
            " too few to test"
        )
    else:
        direction = "up" if row["difference"] > 0 else "down"
        told = (
            f"the set is {direction} by {abs(row['difference']):.2f} (mean z over {row['n_genes']}"
            " genes)"
        )
    test = Test(told, float(row["difference"]), float(row["p"]))
    return _ASTROGLIOSIS, str(row["genes"]), "changed", [test]


def _balance(evidence: Evidence) -> tuple[str, str, str, list[Test]]:
    balance = evidence.balance
    scored = balance.dropna(subset=["score"]).set_index("sample")["score"].astype(float)
    found = compare(scored, evidence.samples.loc[scored.index], *evidence.classes)
    genes = (
        f"{balance['excitatory'].iloc[0]} / {balance['inhibitory'].iloc[0]}" if len(balance) else ""
    )
    donors = f"{found.cases} against {found.controls} donors"
    if np.isnan(found.p):
        told = f"{donors} with a score: too few to test"
    else:
        towards = "excitation" if found.estimate > 0 else "inhibition"
        told = f"the score moves by {found.estimate:+.2f}, towards {towards}, over {donors}"
    return _BALANCE, genes, "changed", [Test(told, found.estimate, found.p)]
