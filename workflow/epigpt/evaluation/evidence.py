"""The evidence that the answer is decided from: scores, confounders, the place of deciding
genes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from epigpt.model_names import NO_BLOCKS

CHANCE, SIGNIFICANT = 0.5, 0.05
TIE = 1e-9


def is_too_few(smallest_auc: float, smallest_p: float) -> bool:
    """Return whether even a perfect score of so few groups would show nothing (`Facts`)."""
    return smallest_auc > 1 or smallest_p > SIGNIFICANT + TIE


@dataclass(frozen=True)
class Score:
    """One model's AUC on held-out groups.

    Attributes
    ----------
    estimate, low, high
        With the 95 % interval.
    sure_low
        Lower limit that holds for all rivals at once; for GPT-2 its own 95 % limit.
    p
        Of permuted labels, for rivals after Holm's correction; None where none were permuted.
    difference, difference_low, difference_high
        GPT-2's AUC minus this one, with the interval that holds for all rivals at once; None for
        GPT-2 itself.
    """

    estimate: float
    low: float
    high: float
    sure_low: float
    p: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None

    @property
    def sees(self) -> bool:
        """Return whether the model is shown to do better than chance."""
        beyond_luck = self.p is None or self.p <= SIGNIFICANT + TIE
        return self.sure_low > CHANCE and beyond_luck

    @property
    def is_worse(self) -> bool:
        """Return whether GPT-2 is shown to do better than this rival."""
        return self.difference_low is not None and self.difference_low > 0

    @property
    def is_better(self) -> bool:
        """Return whether this rival is shown to do better than GPT-2."""
        return self.difference_high is not None and self.difference_high < 0


@dataclass(frozen=True)
class Confounder:
    """A characteristic that tells the classes apart.

    Attributes
    ----------
    name
        Of the characteristic.
    how
        In words: "each of its values occurs in one class only".
    """

    name: str
    how: str


@dataclass(frozen=True)
class Locus:
    """A place of the genome that the deciding genes crowd, and what is left without it.

    Attributes
    ----------
    model
        Whose deciding genes crowd.
    place
        For the key exclude_genes: `chr2:55000000-76000000`.
    symbols
        The crowded genes.
    deciding
        Deciding genes whose place is known.
    p
        Chance that random genes crowd as much.
    on_sex_chromosome
        Whether it lies on X or Y.
    named
        The gene there that the classes are named after; empty where they are not.
    left_out
        Genes of the place, all of which were left out.
    gpt2, gpt2_without
        GPT-2's AUC with and without them, on the first draw of the folds; None for a large model,
        which is not fitted again.
    rival, rival_before, rival_without
        The best rival without them, and its AUCs; empty and NaN without rivals.
    """

    model: str
    place: str
    symbols: tuple[str, ...]
    deciding: int
    p: float
    on_sex_chromosome: bool
    named: str
    left_out: int
    gpt2: float | None = None
    gpt2_without: float | None = None
    rival: str = ""
    rival_before: float | None = None
    rival_without: float | None = None


@dataclass(frozen=True)
class Facts:
    """Everything that the answer is made of.

    Attributes
    ----------
    classes
        In their order; of two the last is the case.
    groups_per_class
        Groups (donors) that hold each class.
    n_samples, n_groups
        Tested.
    gpt2, rivals
        Scores; None and empty where no model was tested.
    blocks
        GPT-2 without its transformer blocks, also among the rivals; None where it was not fitted.
    confounders, accepted, renamed
        Characteristics that tell the classes apart; those of them that the user accepts; those that
        are the label under another name or in a finer division.
    smallest_auc
        The smallest AUC that so few groups could show to be above 0.5; infinite where none could.
    smallest_p
        The smallest p that the groups allow, whatever the number of permutations.
    permutations, permuted
        How many label permutations stand behind GPT-2's p, and how they were made.
    repeats, verdicts
        How often the folds were drawn, and how often each verdict comes out of one draw alone;
        empty where it is always the same.
    warnings
        What a reader must know in the first lines.
    reason
        Why nothing was tested; empty otherwise.
    donor_word
        What the column of the groups calls them, in the plural: litters.
    locus
        The place of the genome that the deciding genes crowd; None where they crowd none.
    excluded_genes
        Genes that the user keeps from the models.
    """

    classes: tuple[str, ...]
    groups_per_class: Mapping[str, int] = field(default_factory=dict)
    n_samples: int = 0
    n_groups: int = 0
    gpt2: Score | None = None
    rivals: Mapping[str, Score] = field(default_factory=dict)
    blocks: Score | None = None
    confounders: tuple[Confounder, ...] = ()
    accepted: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()
    smallest_auc: float = 0.5
    smallest_p: float = 0.0
    permutations: int = 0
    permuted: str = ""
    repeats: int = 1
    verdicts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    reason: str = ""
    donor_word: str = "donors"
    locus: Locus | None = None
    excluded_genes: int = 0

    @property
    def best(self) -> str:
        """The rival of the highest AUC."""
        return min(self.rivals, key=self._order, default="")

    @property
    def seers(self) -> list[str]:
        """The rivals that see the signal, the best first."""
        seen = [name for name, score in self.rivals.items() if score.sees]
        return sorted(seen, key=self._order)

    def _order(self, name: str) -> tuple[float, bool, str]:
        """Of equals a model of another kind comes before a part of GPT-2 itself."""
        return -self.rivals[name].estimate, name == NO_BLOCKS, name
