"""PyDESeq2's numerical routines for all genes at once.

PyDESeq2 calls an optimiser gene by gene, two and a half minutes for the 22,000 genes of eight
libraries. Its `Inference` interface lets the same estimates be computed on arrays, in a few seconds
and on one core, so that the number of threads cannot matter. Formulas: Love, Huber & Anders 2014
(DESeq2), equations 1–7; the negative binomial has mean mu and variance mu + alpha mu².
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from pydeseq2.default_inference import DefaultInference
from scipy.special import gammaln
from scipy.stats import norm

from epigpt.expression.dispersion import DispersionSlope, descend, information

# How far the routines agree with PyDESeq2's own; the tests hold it to this.
AGREEMENT = (
    "coefficients to 1e-7 and p to 1e-6 of their value, dispersions to 1 in 1,000, log2 fold"
    " changes of a whole comparison within 0.05"
)
# Genes worked on together: their arrays stay within the processor's cache.
_BLOCK = 2_048
_RIDGE = 1e-6


class AllGenesAtOnce(DefaultInference):
    """Vectorised routines with PyDESeq2's arguments and results; arrays are observations × genes
    unless said otherwise.

    Rarely needed branches (a fit that diverges, one-sided tests) are PyDESeq2's own.
    """

    def __init__(self) -> None:
        super().__init__(n_cpus=1)

    def lin_reg_mu(
        self, counts: np.ndarray, size_factors: np.ndarray, design_matrix: np.ndarray, min_mu: float
    ) -> np.ndarray:
        """Estimate means by least squares on the counts over their size factors."""
        coefficients = np.linalg.lstsq(design_matrix, counts / size_factors[:, None], rcond=None)[0]
        fitted: np.ndarray = np.maximum(
            size_factors[:, None] * (design_matrix @ coefficients), min_mu
        )
        return fitted

    def irls(  # noqa: PLR0917 - the arguments are PyDESeq2's
        self,
        counts: np.ndarray,
        size_factors: np.ndarray,
        design_matrix: np.ndarray,
        disp: np.ndarray,
        min_mu: float,
        beta_tol: float,
        min_beta: float = -30,
        max_beta: float = 30,
        optimizer: Any = "L-BFGS-B",
        maxiter: int = 250,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Fit negative binomial regressions by iteratively reweighted least squares; a diverging
        gene goes to PyDESeq2's own routine.

        Returns
        -------
        tuple
            Coefficients (genes × design columns, natural logarithm), means, leverages, and whether
            each gene converged.
        """
        disp = np.asarray(disp, dtype=float)
        n_obs, n_genes = counts.shape
        beta = np.empty((n_genes, design_matrix.shape[1]))
        leverage = np.empty((n_obs, n_genes))
        diverged = np.zeros(n_genes, dtype=bool)
        for block in _blocks(n_genes):
            fit = _Regression(
                counts[:, block].T.astype(float), size_factors, design_matrix, disp[block], min_mu
            )
            diverged[block] = fit.iterate(beta_tol, max_beta, maxiter)
            beta[block] = fit.beta
            leverage[:, block] = fit.leverage().T
        mu = size_factors[:, None] * np.exp(np.clip(design_matrix @ beta.T, -700, 700))
        converged = np.ones(n_genes, dtype=bool)
        if diverged.any():
            odd = np.flatnonzero(diverged)
            beta[odd], mu[:, odd], leverage[:, odd], converged[odd] = super().irls(
                counts[:, odd],
                size_factors,
                design_matrix,
                disp[odd],
                min_mu,
                beta_tol,
                min_beta,
                max_beta,
                optimizer,
                maxiter,
            )
        return beta, mu, leverage, converged

    def alpha_mle(  # noqa: PLR0917 - the arguments are PyDESeq2's
        self,
        counts: np.ndarray,
        design_matrix: np.ndarray,
        mu: np.ndarray,
        alpha_hat: np.ndarray,
        min_disp: float,
        max_disp: float,
        prior_disp_var: float | None = None,
        cr_reg: bool = True,
        prior_reg: bool = False,
        optimizer: Any = "L-BFGS-B",
    ) -> tuple[np.ndarray, np.ndarray]:
        """Estimate dispersions by maximum likelihood with Cox–Reid adjustment and, if asked, a
        log-normal prior.

        The search goes downhill from `alpha_hat`, as PyDESeq2's and DESeq2's own do: where counts
        are no more variable than Poisson the likelihood is flat towards zero dispersion, and the
        estimate stays there.

        Returns
        -------
        tuple
            Dispersions and True for each gene.
        """
        estimates = np.empty(counts.shape[1])
        start = np.log(np.asarray(alpha_hat, dtype=float))
        for block in _blocks(counts.shape[1]):
            slope = DispersionSlope(
                counts[:, block].T.astype(float),
                mu[:, block].T,
                design_matrix if cr_reg else None,
                start[block],
                prior_disp_var if prior_reg else None,
            )
            estimates[block] = np.exp(
                descend(slope, start[block], np.log(min_disp), np.log(max_disp))
            )
        return estimates, np.ones(len(estimates), dtype=bool)

    def wald_test(  # noqa: PLR0917 - the arguments are PyDESeq2's
        self,
        design_matrix: np.ndarray,
        disp: np.ndarray,
        lfc: np.ndarray,
        mu: np.ndarray,
        ridge_factor: np.ndarray,
        contrast: np.ndarray,
        lfc_null: Any,
        alt_hypothesis: Any = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Test one contrast of the coefficients in every gene, two-sided.

        Returns
        -------
        tuple
            p values, Wald statistics and standard errors (natural logarithm), one per gene; missing
            where the fit is.
        """
        if alt_hypothesis is not None:
            return super().wald_test(
                design_matrix, disp, lfc, mu, ridge_factor, contrast, lfc_null, alt_hypothesis
            )
        errors = np.full(mu.shape[1], np.nan)
        fitted = np.flatnonzero(np.isfinite(disp) & np.isfinite(mu).all(axis=0))
        weights = (mu[:, fitted] / (1.0 + mu[:, fitted] * disp[fitted])).T
        per_gene = information(weights, design_matrix)
        projected = np.linalg.solve(
            per_gene + ridge_factor,
            np.broadcast_to(contrast[:, None], (len(fitted), len(contrast), 1)),
        )[..., 0]
        errors[fitted] = np.sqrt(np.einsum("gi,gij,gj->g", projected, per_gene, projected))
        statistics = (lfc - lfc_null) @ contrast / errors
        return 2.0 * norm.sf(np.abs(statistics)), statistics, errors


class _Regression:
    """Negative binomial regressions of a block of genes; arrays are genes × observations."""

    def __init__(
        self,
        counts: np.ndarray,
        size_factors: np.ndarray,
        design: np.ndarray,
        disp: np.ndarray,
        min_mu: float,
    ) -> None:
        self.counts, self.size, self.design, self.disp, self.min_mu = (
            counts,
            size_factors,
            design,
            disp[:, None],
            min_mu,
        )
        self.ridge = _RIDGE * np.eye(design.shape[1])
        self.beta = np.linalg.lstsq(design, np.log(counts / size_factors + 0.1).T, rcond=None)[0].T
        # Constant over the iterations, and the costly part of the likelihood.
        inverse = 1.0 / self.disp
        self.binomial = (gammaln(counts + inverse) - gammaln(counts + 1.0) - gammaln(inverse)).sum(
            axis=1
        )

    def iterate(self, tolerance: float, max_beta: float, max_iterations: int) -> np.ndarray:
        """Update `beta` until the deviance of each gene settles; gives which genes diverged."""
        active = np.arange(len(self.counts))
        diverged = np.zeros(len(self.counts), dtype=bool)
        deviance = np.full(len(self.counts), 1000.0)
        for iteration in range(1, max_iterations + 1):
            beta = self._step(active)
            bad = ~(np.abs(beta) <= max_beta).all(axis=1) | (iteration == max_iterations)
            diverged[active[bad]] = True
            active, beta = active[~bad], beta[~bad]
            self.beta[active] = beta
            updated = self._deviance(active)
            settled = np.abs(updated - deviance[active]) / (np.abs(updated) + 0.1) <= tolerance
            deviance[active] = updated
            active = active[~settled]
            if not len(active):
                break
        return diverged

    def _step(self, genes: np.ndarray) -> np.ndarray:
        """Solve the weighted normal equations at the present coefficients."""
        mu, y = self._mu(genes), self.counts[genes]
        weights = mu / (1.0 + mu * self.disp[genes])
        working = np.log(mu / self.size) + (y - mu) / mu
        normal = information(weights, self.design) + self.ridge
        beta: np.ndarray = np.linalg.solve(normal, ((weights * working) @ self.design)[..., None])[
            ..., 0
        ]
        return beta

    def leverage(self) -> np.ndarray:
        """Return the diagonal of the hat matrix, genes × observations."""
        mu = self._mu(np.arange(len(self.counts)))
        weights = mu / (1.0 + mu * self.disp)
        inverse = np.linalg.inv(information(weights, self.design) + self.ridge)
        leverage: np.ndarray = weights * np.einsum(
            "ni,gij,nj->gn", self.design, inverse, self.design, optimize=True
        )
        return leverage

    def _mu(self, genes: np.ndarray) -> np.ndarray:
        mu: np.ndarray = np.maximum(
            self.size * np.exp(np.clip(self.beta[genes] @ self.design.T, -700, 700)), self.min_mu
        )
        return mu

    def _deviance(self, genes: np.ndarray) -> np.ndarray:
        mu, y, inverse = self._mu(genes), self.counts[genes], 1.0 / self.disp[genes]
        rest = -inverse * np.log(inverse) + (y + inverse) * np.log(mu + inverse) - y * np.log(mu)
        deviance: np.ndarray = 2.0 * (rest.sum(axis=1) - self.binomial[genes])
        return deviance


def _blocks(n: int) -> Iterator[slice]:
    for start in range(0, n, _BLOCK):
        yield slice(start, min(start + _BLOCK, n))
