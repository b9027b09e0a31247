"""Programs: numbers that say of a sample what decides, each a weighted sum of gene deviations.

Five kinds, all fitted on the training samples of one fit: principal components of the genes that
vary most, which carry changes of many genes; genes that tell the classes apart; pairs of such
genes, of which the order within the sample counts; the margins of a sparse rule over all genes
that subsets of the donors agree on (`epigpt.encoding.consensus_rule`); and, after pretraining on a
corpus, those of such a rule over the programmes that its series share
(`epigpt.encoding.shared_programs`). A sequence of programs is several times shorter than one of
genes, shows what decides in every sample, and every token keeps its place and meaning.
"""

from dataclasses import dataclass, field

import numpy as np

COMPONENTS, GENES, PAIRS, RULES = 16, 24, 16, 8
MOST = COMPONENTS + GENES + PAIRS + RULES
COMPONENT, GENE, PAIR, RULE, SHARED = 0, 1, 2, 3, 4
# How far a gene or a pair may go: beyond, it would drown the other programs.
GENE_CLIP = 5.0
COMPONENT_CLIP = 10.0


@dataclass(frozen=True)
class Programs:
    """Programs of one fit.

    Attributes
    ----------
    loadings
        float32, shape (programs, genes of the vocabulary): weight of each gene's deviation.
    offsets
        float32, shape (programs,): added to the sum; that of a sample at the reference.
    kinds
        int8, shape (programs,): `COMPONENT`, `GENE`, `PAIR`, `RULE` or `SHARED`.
    weights, bias
        float32, shapes (programs, classes) and (classes,): a linear classifier of the scores,
        fitted on the training samples (`epigpt.encoding.linear_start`), where a model begins.
    blocks_share
        float32, shape (): factor of what transformer blocks add to that classifier.
    """

    loadings: np.ndarray
    offsets: np.ndarray
    kinds: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    blocks_share: np.ndarray = field(default_factory=lambda: np.ones((), dtype=np.float32))

    def __len__(self) -> int:
        return len(self.loadings)

    def sums(self, deviations: np.ndarray) -> np.ndarray:
        """Return the weighted sums, not clipped; float64, shape (rows, programs).

        Gene by gene in one order, so that a row's sums do not depend on the rows beside it, which a
        matrix product does not promise.
        """
        total: np.ndarray = np.einsum(
            "rg,pg->rp",
            np.ascontiguousarray(deviations, dtype=np.float64),
            self.loadings.astype(np.float64),
            optimize=False,
        )
        return total + self.offsets

    def scores(self, deviations: np.ndarray) -> np.ndarray:
        """Return the scores of samples from their gene deviations, as `GeneStatistics.deviations`
        gives them; float32, shape (rows, programs)."""
        return self.clipped(self.sums(deviations))

    def clipped(self, sums: np.ndarray) -> np.ndarray:
        """Turn weighted sums into scores, clipped to ± `limits`."""
        found: np.ndarray = np.clip(sums, -self.limits, self.limits).astype(np.float32)
        return found

    @property
    def limits(self) -> np.ndarray:
        """How far each program may go: genes and pairs to `GENE_CLIP`, others, which are sums of
        many genes, to `COMPONENT_CLIP`; float64, shape (programs,)."""
        single = (self.kinds == GENE) | (self.kinds == PAIR)
        return np.where(single, GENE_CLIP, COMPONENT_CLIP)

    def at_rest(self) -> np.ndarray:
        """Return the scores of a sample without any deviation; float32, shape (programs,)."""
        return self.clipped(self.offsets.astype(np.float64)[None])[0]

    def as_arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays under the names that reference.npz gives them."""
        return {f"programs_{name}": values for name, values in vars(self).items()}


def from_arrays(stored: dict[str, np.ndarray]) -> Programs | None:
    """Rebuild what `Programs.as_arrays` gave; None where there are no programs."""
    prefix = "programs_"
    found = {
        name.removeprefix(prefix): values
        for name, values in stored.items()
        if name.startswith(prefix)
    }
    return Programs(**found) if found else None


def budget(max_genes: int, classes: int = 2, *, shared: bool = False) -> tuple[int, int, int, int]:
    """Return how many components, genes, pairs and margins of a rule a sequence of `max_genes`
    tokens shows at most. A rule over `classes` classes has a margin for each, of two only one;
    where there is no room for all it is left out.

    Parameters
    ----------
    shared
        Whether a second rule, over shared programmes, has as many margins.
    """
    quarter = max_genes // 4
    components, pairs = min(COMPONENTS, quarter), min(PAIRS, quarter)
    rules = 1 if classes == 2 else classes
    rules = rules if classes > 1 and rules <= min(RULES, quarter) else 0
    left = min(max_genes, MOST) - components - pairs - rules * (2 if shared else 1)
    return components, min(GENES, left), pairs, rules


def gene_attribution(
    programs: Programs, attributions: np.ndarray, deviations: np.ndarray
) -> np.ndarray:
    """Divide what the program tokens of samples contribute among the genes.

    A program's sum is linear in the deviations, so each gene has the share loading × deviation of
    what the program differs by from a sample at the reference; the shares add up to the whole.

    Parameters
    ----------
    attributions
        Contribution of each program against `Programs.at_rest`, shape (samples, programs).
    deviations
        Gene deviations of the same samples, shape (samples, genes).

    Returns
    -------
    float64, shape (samples, genes); a sample's sum is that of its attributions.
    """
    moved = programs.sums(deviations) - programs.offsets
    level = np.abs(moved) < 1e-9
    each = np.where(level, 0.0, attributions / np.where(level, 1.0, moved))
    shares: np.ndarray = (each @ programs.loadings.astype(np.float64)) * deviations
    return shares
