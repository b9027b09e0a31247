"""The one answer of a data set: decided once by fixed rules, written to verdict.json, and read by
the report, the index, the model card and predictions alike.

The rules, in this order:

1. not_assessable: the folds say so (a class has fewer than three groups, or there is one class).
2. confounded: another characteristic tells the classes apart as well, all but exactly, and was not
   accepted (`confounding`).
3. too_few_donors: even a perfect score would show nothing, its interval or the smallest possible p
   being too large.
4. no_evidence: no model is shown to see anything. A model sees the signal when the lower limit of
   its AUC is above 0.5 and, where labels were permuted, p is at most 0.05. GPT-2 is asked once and
   needs 95 %; the rivals are many and need both after a correction for their number.
5. signal_missed: a rival sees the signal, and GPT-2 does not or is shown to be worse than it.
6. works: GPT-2 sees it, and its lead over every rival has an interval above 0. The intervals hold
   for all rivals at once.
7. as_good: everything else: there is a signal, GPT-2 sees it, and nobody is shown to be better.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from epigpt.evaluation import answer_text
from epigpt.model_names import NO_BLOCKS

VERDICTS = (
    "works",
    "as_good",
    "signal_missed",
    "too_few_donors",
    "no_evidence",
    "confounded",
    "not_assessable",
)
TONES = {
    "works": "good",
    "as_good": "neutral",
    "signal_missed": "warn",
    "too_few_donors": "neutral",
    "no_evidence": "warn",
    "confounded": "bad",
    "not_assessable": "neutral",
}
BADGES = {
    "works": "works",
    "as_good": "as good as simpler models",
    "signal_missed": "signal missed",
    "too_few_donors": "too few donors",
    "no_evidence": "no evidence",
    "confounded": "confounded",
    "not_assessable": "not assessable",
}
CHANCE, SIGNIFICANT = 0.5, 0.05
_TIE = 1e-9


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
        """Whether the model is shown to do better than chance."""
        beyond_luck = self.p is None or self.p <= SIGNIFICANT + _TIE
        return self.sure_low > CHANCE and beyond_luck

    @property
    def is_worse(self) -> bool:
        """Whether GPT-2 is shown to do better than this rival."""
        return self.difference_low is not None and self.difference_low > 0

    @property
    def is_better(self) -> bool:
        """Whether this rival is shown to do better than GPT-2."""
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


@dataclass(frozen=True)
class Answer:
    """The answer: verdict and words, all of them from the same facts."""

    facts: Facts
    verdict: str
    text: answer_text.Text

    @property
    def tone(self) -> str:
        """The colour of the badge: good only where nothing that is said beside it takes back a
        part of it."""
        tone = TONES[self.verdict]
        doubted = self.facts.warnings or self.facts.accepted or self.facts.verdicts
        return "warn" if tone == "good" and doubted else tone

    def as_dict(self) -> dict[str, Any]:
        """Return the content of verdict.json."""
        facts = self.facts
        best = facts.rivals.get(facts.best)
        return {
            "verdict": self.verdict,
            "badge": BADGES[self.verdict],
            "tone": self.tone,
            "sentence": self.text.headline,
            "reason": self.text.reason,
            "meaning": self.text.meaning,
            "remedy": self.text.remedy,
            "methods": self.text.methods,
            "short": self.text.short,
            "notes": list(self.text.notes),
            "question": answer_text.question(facts.classes),
            "classes": list(facts.classes),
            "n_samples": facts.n_samples,
            "n_groups": facts.n_groups,
            "groups_per_class": dict(facts.groups_per_class),
            "auc": {
                name: {
                    "estimate": score.estimate,
                    "low": score.low,
                    "high": score.high,
                    "sees_signal": score.sees,
                    "p": score.p,
                }
                for name, score in _all_scores(facts).items()
            },
            "models_that_see_a_signal": [
                *(["finetuned"] if facts.gpt2 and facts.gpt2.sees else []),
                *facts.seers,
            ],
            "best_rival": facts.best,
            "difference_to_best_rival": None if best is None else _difference(best),
            "difference_without_blocks": None
            if facts.blocks is None
            else _difference(facts.blocks),
            "p": None if facts.gpt2 is None else facts.gpt2.p,
            "smallest_p": facts.smallest_p,
            "smallest_auc_that_could_be_shown": _finite(facts.smallest_auc),
            "permutations": {"number": facts.permutations, "kind": facts.permuted or "none"},
            "repeats": facts.repeats,
            "verdicts_of_single_repeats": dict(facts.verdicts),
            "confounders": [one.name for one in facts.confounders],
            "ignored_confounders": list(facts.accepted),
            "renamed_label": list(facts.renamed),
        }


def decide(facts: Facts) -> Answer:
    """Apply the rules."""
    verdict = _verdict(facts)
    return Answer(facts, verdict, answer_text.write(verdict, facts))


def _verdict(facts: Facts) -> str:
    if facts.gpt2 is None:
        return "not_assessable"
    if facts.confounders:
        return "confounded"
    if facts.smallest_auc > 1 or facts.smallest_p > SIGNIFICANT + _TIE:
        return "too_few_donors"
    if not facts.gpt2.sees:
        return "signal_missed" if facts.seers else "no_evidence"
    return _among_those_that_see(facts)


def _among_those_that_see(facts: Facts) -> str:
    rivals = facts.rivals.values()
    if any(score.is_better for score in rivals):
        return "signal_missed"
    return "works" if rivals and all(score.is_worse for score in rivals) else "as_good"


def _all_scores(facts: Facts) -> dict[str, Score]:
    own = {} if facts.gpt2 is None else {"finetuned": facts.gpt2}
    return {**own, **facts.rivals}


def _difference(score: Score) -> dict[str, float | None]:
    return {
        "estimate": score.difference,
        "low": score.difference_low,
        "high": score.difference_high,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
