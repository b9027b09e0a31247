"""Differential expression held against PyDESeq2's own routines."""

from typing import Any

import numpy as np
import pytest
from pydeseq2.default_inference import DefaultInference
from scipy.stats import spearmanr

from epigpt.expression import contrasts, wald_tests
from epigpt.expression.negative_binomial import AllGenesAtOnce
from planted_contrasts import by_gene, paired, series


@pytest.fixture(scope="module")
def genes() -> dict[str, Any]:
    random = np.random.default_rng(3)
    rates = random.gamma(1.2, 400, 60) + 5
    counts = random.poisson(random.gamma(4, rates / 4, (10, 60))).astype(np.int64)
    matrix = np.column_stack([np.ones(10), np.repeat([0, 1], 5), np.tile([0, 1], 5)]).astype(float)
    return {
        "counts": counts,
        "size": random.uniform(0.5, 2, 10),
        "matrix": matrix,
        "disp": random.uniform(0.01, 0.6, 60),
    }


def test_regressions_agree_with_pydeseq2(genes: dict[str, Any]) -> None:
    arguments = (genes["counts"], genes["size"], genes["matrix"], genes["disp"], 0.5, 1e-8)
    ours, theirs = AllGenesAtOnce().irls(*arguments), DefaultInference(n_cpus=1).irls(*arguments)
    for mine, reference in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-7, atol=1e-10)


def test_dispersions_agree_with_pydeseq2(genes: dict[str, Any]) -> None:
    mu = AllGenesAtOnce().irls(
        genes["counts"], genes["size"], genes["matrix"], genes["disp"], 0.5, 1e-8
    )[1]
    for prior in (None, 0.7):
        arguments = (
            genes["counts"],
            genes["matrix"],
            mu,
            genes["disp"],
            1e-8,
            10.0,
            prior,
            True,
            prior is not None,
        )
        ours, theirs = (
            AllGenesAtOnce().alpha_mle(*arguments)[0],
            DefaultInference(n_cpus=1).alpha_mle(*arguments)[0],
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-3)


def test_tests_agree_with_pydeseq2(genes: dict[str, Any]) -> None:
    beta, mu, _, _ = AllGenesAtOnce().irls(
        genes["counts"], genes["size"], genes["matrix"], genes["disp"], 0.5, 1e-8
    )
    for vector in ([0, 1, 0], [0, 1, -0.5]):
        arguments = (
            genes["matrix"],
            genes["disp"],
            beta,
            mu,
            1e-6 * np.eye(3),
            np.array(vector, dtype=float),
            0.0,
        )
        for mine, reference in zip(
            AllGenesAtOnce().wald_test(*arguments),
            DefaultInference(n_cpus=1).wald_test(*arguments),
            strict=True,
        ):
            np.testing.assert_allclose(mine, reference, rtol=1e-6)


def test_a_fit_that_diverges_is_pydeseq2s(genes: dict[str, Any]) -> None:
    counts = np.array([[0, 0, 0, 1, 0, 0, 9_000, 0, 3, 0]]).T
    arguments = (counts, genes["size"], genes["matrix"], np.array([8.0]), 0.5, 1e-8)
    ours, theirs = AllGenesAtOnce().irls(*arguments), DefaultInference(n_cpus=1).irls(*arguments)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6)


def test_whole_comparison_agrees_with_pydeseq2(monkeypatch: pytest.MonkeyPatch) -> None:
    data = series(paired(4), donor_spread=0.5)[:, :120].copy()
    ours = by_gene(contrasts.compare(data, "case", "control"))
    monkeypatch.setattr(wald_tests, "AllGenesAtOnce", lambda: DefaultInference(n_cpus=1))
    theirs = by_gene(contrasts.compare(data, "case", "control"))
    np.testing.assert_allclose(ours["log2_fold_change"], theirs["log2_fold_change"], atol=0.05)
    assert spearmanr(ours["p"], theirs["p"], nan_policy="omit").statistic > 0.999
