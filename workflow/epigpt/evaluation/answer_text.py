"""The words of the answer: a branch for each verdict, each a text that can be read aloud.

Whatever a page, a card or a prediction says of a data set's result is written here, from the same
facts, so that no two of them can disagree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from epigpt.evaluation import answer_notes
from epigpt.evaluation.answer_words import (
    asked,
    because,
    best_reached,
    capital,
    classes,
    difference,
    each_rival,
    interval,
    kind,
    listing,
    more_donors,
    phrase,
    sizes,
    tells,
    unit,
    unseen,
)
from epigpt.samples.donors import called

if TYPE_CHECKING:
    from epigpt.evaluation.evidence import Confounder, Facts, Score

# From here on two decimals show 1.00: any model tells such classes apart.
_PERFECT = 0.995


@dataclass(frozen=True)
class Text:
    """What is said of a data set.

    Attributes
    ----------
    headline
        The first sentence of the page: what was asked and what came out.
    reason
        Why this verdict, beside its badge.
    meaning
        What a reader may conclude.
    remedy
        What would lead further; empty where nothing needs to.
    methods
        How the verdict was reached, for the methods section.
    short
        One line for cards, tables and predictions.
    notes
        Warnings and qualifications that belong into the first lines.
    """

    headline: str
    reason: str
    meaning: str
    remedy: str
    methods: str
    short: str
    notes: tuple[str, ...]


def write(verdict: str, facts: Facts) -> Text:
    """Return the words of a verdict."""
    if facts.gpt2 is None:
        headline = (
            f"{capital(asked(facts.classes))}: no model was tested, because {because(facts)}."
        )
        reason, remedy = because(facts), more_donors(facts)
        meaning = called(_NOT_TESTED, unit(facts))
    else:
        branch = {
            "works": _works,
            "as_good": _as_good,
            "signal_missed": _signal_missed,
            "too_few_donors": _too_few_donors,
            "no_evidence": _no_evidence,
            "confounded": _confounded,
        }[verdict]
        headline, reason, meaning, remedy = branch(facts, facts.gpt2)
    return Text(
        headline,
        reason,
        meaning,
        remedy,
        answer_notes.methods(facts),
        _short(verdict, facts),
        tuple(answer_notes.notes(facts)),
    )


_NOT_TESTED = (
    "There are too few donors to train and test a classifier, or nothing to tell apart; the series"
    " is described instead."
)


def _works(facts: Facts, gpt2: Score) -> tuple[str, str, str, str]:
    best = facts.rivals[facts.best]
    headline = (
        f"GPT-2 {tells(facts)}, and better than {each_rival(facts)}: {kind(facts)}"
        f" {interval(gpt2)} against {interval(best)} of {phrase(facts.best)}, its best rival."
    )
    reason = f"GPT-2 leads {phrase(facts.best)} by {difference(best)}"
    meaning = (
        f"GPT-2 tells the classes apart in held-out {unit(facts)} and is shown to do better than"
        " every simpler model on the same samples."
    )
    return headline, reason, meaning, ""


def _as_good(facts: Facts, gpt2: Score) -> tuple[str, str, str, str]:
    best = facts.rivals.get(facts.best)
    if best is None:
        headline = f"GPT-2 {tells(facts)}: {kind(facts)} {interval(gpt2)}; no rival was tested."
        return (
            headline,
            "there is no rival to compare GPT-2 with",
            "",
            "Name baselines in the key baselines.",
        )
    if min(gpt2.estimate, best.estimate) >= _PERFECT:
        headline = (
            f"The classes {classes(facts)} are separable {unseen(facts)}, and simpler models do it"
            f" as well as GPT-2: {kind(facts)} {interval(gpt2)} with GPT-2,"
            f" {best.estimate:.2f} with {phrase(facts.best)}."
        )
        reason = f"both GPT-2 and {phrase(facts.best)} are all but perfect, so neither can lead"
    else:
        headline = (
            f"The classes {classes(facts)} can be told apart {unseen(facts)}, and GPT-2 is not"
            f" shown to do it better than simpler models: {kind(facts)} {interval(gpt2)} against"
            f" {interval(best)} of {phrase(facts.best)}."
        )
        reason = (
            f"the difference from the best rival, {phrase(facts.best)}, is {difference(best)},"
            " which leaves open who is better"
        )
    meaning = (
        "There is a signal and GPT-2 sees it; the simplest model that sees it as well is the one to"
        f" prefer. {_lead(best)}"
    )
    return headline, reason, meaning, ""


def _signal_missed(facts: Facts, gpt2: Score) -> tuple[str, str, str, str]:
    if gpt2.sees:
        better = max(
            (name for name, score in facts.rivals.items() if score.is_better),
            key=lambda name: facts.rivals[name].estimate,
        )
        best = facts.rivals[better]
        headline = (
            f"The classes {classes(facts)} can be told apart {unseen(facts)}, but GPT-2 misses a"
            f" part of what {phrase(better)} sees: {kind(facts)} {interval(gpt2)} against"
            f" {interval(best)}."
        )
        reason = f"GPT-2's AUC differs from that of {phrase(better)} by {difference(best)}"
    else:
        seer = facts.seers[0]
        best = facts.rivals[seer]
        headline = (
            f"The classes {classes(facts)} can be told apart {unseen(facts)}, but not by GPT-2:"
            f" {kind(facts)} {interval(gpt2)} against {interval(best)} of {phrase(seer)}."
        )
        reason = f"{phrase(seer)} sees the signal, while {_doubt(gpt2)}"
    meaning = (
        "The expression data do tell the classes apart, but a simpler model shows it and GPT-2 does"
        " not, or not as well: use the simpler model."
    )
    return (
        headline,
        reason,
        meaning,
        "Read the differential expression; GPT-2's gene list is not the one to trust.",
    )


def _too_few_donors(facts: Facts, gpt2: Score) -> tuple[str, str, str, str]:
    have = sizes(facts)
    if facts.smallest_p > 0.05:
        why = (
            f"with {have} a perfect score arises by luck once in {round(1 / facts.smallest_p)}"
            " labellings"
        )
    else:
        why = f"with {have} the interval of even a perfect score includes 0.5, which is chance"
    headline = (
        f"Too few {unit(facts)} to answer whether {classes(facts)} can be told apart: {why}. GPT-2"
        f" reached {kind(facts)} {gpt2.estimate:.2f}{best_reached(facts)}."
    )
    meaning = (
        "No score of any model could be evidence here. Differential expression can still find genes"
        " that differ, since it borrows strength from all genes."
    )
    return headline, why, meaning, more_donors(facts)


def _no_evidence(facts: Facts, gpt2: Score) -> tuple[str, str, str, str]:
    headline = (
        f"No model is shown to tell {classes(facts)} apart {unseen(facts)}: GPT-2 reached"
        f" {kind(facts)} {interval(gpt2)}{best_reached(facts)}."
    )
    reason = _doubt(gpt2)
    power = _power(facts)
    meaning = f"No model gives evidence of a signal. {power}".strip()
    remedy = f"More {unit(facts)} would show a smaller difference."
    return headline, reason, meaning, remedy


def _confounded(facts: Facts, gpt2: Score) -> tuple[str, str, str, str]:
    first = facts.confounders[0]
    names = listing([f"'{one.name}'" for one in facts.confounders])
    rest = "" if len(facts.confounders) == 1 else f" ({names} go with the classes)"
    seen = gpt2.sees or facts.seers
    scores = f"{kind(facts)} {interval(gpt2)} with GPT-2{best_reached(facts)}"
    if seen:
        headline = (
            f"Whether it is {classes(facts)} that models tell apart cannot be said: '{first.name}'"
            f" goes with them{rest}, so a model may have learned that instead. {capital(scores)}."
        )
    else:
        headline = (
            f"No model is shown to tell {classes(facts)} apart, and '{first.name}' goes with"
            f" them{rest}, so that no score could say what was learned. {capital(scores)}."
        )
    reason = "; ".join(_strength(one) for one in facts.confounders)
    meaning = (
        "The classes follow another characteristic of the samples, so that no model can say which"
        " of the two it learned; no cross-validation repairs that."
    )
    remedy = (
        f"If '{first.name}' is the condition itself or follows from it, list it in the key"
        f" ignore_confounders ([{', '.join(one.name for one in facts.confounders)}]). Otherwise"
        " compare samples in which it is the same, by the column include, or take a series whose"
        " design crosses the two."
    )
    return headline, reason, meaning, remedy


def _strength(one: Confounder) -> str:
    return f"'{one.name}': {one.how}"


def _short(verdict: str, facts: Facts) -> str:
    badge = called(verdict.replace("_", " "), unit(facts))
    if facts.gpt2 is None:
        return f"{badge}: {because(facts)}"
    own = facts.gpt2
    rival = ""
    if facts.best:
        rival = f"; best rival {phrase(facts.best)} {facts.rivals[facts.best].estimate:.2f}"
    return (
        f"{badge}: {kind(facts)} {interval(own)} on {facts.n_groups} held-out {unit(facts)}{rival}"
    )


def _doubt(score: Score) -> str:
    if not score.sure_low > 0.5:
        return (
            f"the interval of GPT-2's AUC ({score.low:.2f} to {score.high:.2f}) includes 0.5, which"
            " is chance"
        )
    return f"permuted labels do as well too often for it to be more than luck (p {score.p:.2g})"


def _power(facts: Facts) -> str:
    if not math.isfinite(facts.smallest_auc):
        return ""
    return (
        f"A series of this size can show an AUC of {facts.smallest_auc:.2f} or more for a single"
        " model; a weaker signal would go unseen, so this is no evidence of its absence."
    )


def _lead(best: Score) -> str:
    if best.difference is None or best.difference_low is None:
        return ""
    return (
        f"A lead below {best.difference - best.difference_low:.2f} could not have been shown in a"
        " series of this size."
    )
