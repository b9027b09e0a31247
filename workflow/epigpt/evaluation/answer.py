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
from dataclasses import asdict, dataclass
from typing import Any

from epigpt.evaluation import answer_text, answer_words
from epigpt.evaluation.evidence import Facts, Score, is_too_few

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
    "too_few_donors": "too few {unit}",
    "no_evidence": "no evidence",
    "confounded": "confounded",
    "not_assessable": "not assessable",
}
# GPT-2 is not shown to see what tells the classes apart: what it leaned on says nothing of them.
_NO_GENES = ("no_evidence", "too_few_donors", "signal_missed")


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
        facts = self.facts
        doubted = facts.warnings or facts.accepted or facts.verdicts or facts.locus
        return "warn" if tone == "good" and doubted else tone

    @property
    def _genes_mean_something(self) -> bool:
        """Return whether GPT-2 is shown to see something, be it a confounder."""
        seen = self.facts.gpt2 is None or self.facts.gpt2.sees
        return seen and self.verdict not in _NO_GENES

    def as_dict(self) -> dict[str, Any]:
        """Return the content of verdict.json."""
        facts = self.facts
        best = facts.rivals.get(facts.best)
        return {
            "verdict": self.verdict,
            "badge": BADGES[self.verdict].format(unit=answer_words.unit(facts)),
            "tone": self.tone,
            "sentence": self.text.headline,
            "reason": self.text.reason,
            "meaning": self.text.meaning,
            "remedy": self.text.remedy,
            "methods": self.text.methods,
            "short": self.text.short,
            "notes": list(self.text.notes),
            "question": answer_words.question(facts.classes),
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
            "genes_are_listed": self._genes_mean_something,
            "unit": answer_words.unit(facts),
            "excluded_genes": facts.excluded_genes,
            "locus": None if facts.locus is None else asdict(facts.locus),
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
    if is_too_few(facts.smallest_auc, facts.smallest_p):
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
