"""The words of the answer: a branch for each verdict, each a text that can be read aloud.

Whatever a page, a card or a prediction says of a data set's result is written here, from the same
facts, so that no two of them can disagree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from epigpt.model_names import MAJORITY, MODELS

if TYPE_CHECKING:
    from epigpt.evaluation.answer import Confounder, Facts, Score

# From here on two decimals show 1.00: any model tells such classes apart.
_PERFECT = 0.995
_FEWEST = 4


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
            f"{_capital(asked(facts.classes))}: no model was tested, because {_because(facts)}."
        )
        reason, meaning, remedy = _because(facts), _NOT_TESTED, _more_donors(facts)
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
        _methods(facts),
        _short(verdict, facts),
        tuple(_notes(facts)),
    )


def question(classes: Sequence[str]) -> str:
    """Return what was asked: "Can 'case' be told from 'control'?"."""
    if len(classes) == 2:
        return f"Can '{classes[1]}' be told from '{classes[0]}'?"
    return f"Can {_named(classes)} be told apart?"


def asked(classes: Sequence[str]) -> str:
    """Return the task as a phrase, the class of interest first."""
    if len(classes) == 2:
        return f"telling '{classes[1]}' from '{classes[0]}'"
    return f"telling {_named(classes)} apart"


def phrase(model: str) -> str:
    """Return a model's name within a sentence."""
    return MODELS[model].phrase if model in MODELS else model


_NOT_TESTED = (
    "There are too few groups to train and test a classifier, or nothing to tell apart; the series"
    " is described instead."
)


def _works(facts: Facts, gpt2: Score) -> tuple[str, str, str, str]:
    best = facts.rivals[facts.best]
    headline = (
        f"GPT-2 {_tells(facts)}, and better than {_each_rival(facts)}: {_kind(facts)}"
        f" {_interval(gpt2)}, against {best.estimate:.2f} of the best of them,"
        f" {phrase(facts.best)}."
    )
    reason = f"GPT-2 leads {phrase(facts.best)}, its best rival, by {_difference(best)}"
    meaning = (
        "GPT-2 tells the classes apart in held-out groups and is shown to do better than every"
        " simpler model on the same samples."
    )
    return headline, reason, meaning, ""


def _as_good(facts: Facts, gpt2: Score) -> tuple[str, str, str, str]:
    best = facts.rivals.get(facts.best)
    if best is None:
        headline = f"GPT-2 {_tells(facts)}: {_kind(facts)} {_interval(gpt2)}; no rival was tested."
        return (
            headline,
            "there is no rival to compare GPT-2 with",
            "",
            "Name baselines in the key baselines.",
        )
    if min(gpt2.estimate, best.estimate) >= _PERFECT:
        headline = (
            f"{_capital(_classes(facts))} are separable {_unseen(facts)}, and simpler models do it"
            f" as well as GPT-2: {_kind(facts)} {_interval(gpt2)} with GPT-2,"
            f" {best.estimate:.2f} with {phrase(facts.best)}."
        )
        reason = f"both GPT-2 and {phrase(facts.best)} are all but perfect, so neither can lead"
    else:
        headline = (
            f"{_capital(_classes(facts))} can be told apart {_unseen(facts)}, and GPT-2 is not"
            f" shown to do it better than simpler models: {_kind(facts)} {_interval(gpt2)} against"
            f" {_interval(best)} of {phrase(facts.best)}."
        )
        reason = (
            f"the difference from the best rival, {phrase(facts.best)}, is {_difference(best)},"
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
            f"{_capital(_classes(facts))} can be told apart {_unseen(facts)}, but GPT-2 misses a"
            f" part of what {phrase(better)} sees: {_kind(facts)} {_interval(gpt2)} against"
            f" {_interval(best)}."
        )
        reason = f"GPT-2 is behind {phrase(better)} by {_difference(best)}"
    else:
        seer = facts.seers[0]
        best = facts.rivals[seer]
        headline = (
            f"{_capital(_classes(facts))} can be told apart {_unseen(facts)}, but not by GPT-2:"
            f" {_kind(facts)} {_interval(gpt2)} against {_interval(best)} of {phrase(seer)}."
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
    sizes = _sizes(facts)
    if facts.smallest_p > 0.05:
        why = (
            f"with {sizes} a perfect score arises by luck once in {round(1 / facts.smallest_p)}"
            " labellings"
        )
    else:
        why = f"with {sizes} the interval of even a perfect score includes 0.5, which is chance"
    headline = (
        f"Too few donors to answer whether {_classes(facts)} can be told apart: {why}. GPT-2"
        f" reached {_kind(facts)} {gpt2.estimate:.2f}{_best_reached(facts)}."
    )
    meaning = (
        "No score of any model could be evidence here. Differential expression can still find genes"
        " that differ, since it borrows strength from all genes."
    )
    return headline, why, meaning, _more_donors(facts)


def _no_evidence(facts: Facts, gpt2: Score) -> tuple[str, str, str, str]:
    headline = (
        f"No model is shown to tell {_classes(facts)} apart {_unseen(facts)}: GPT-2 reached"
        f" {_kind(facts)} {_interval(gpt2)}{_best_reached(facts)}."
    )
    reason = _doubt(gpt2)
    power = _power(facts)
    meaning = f"No model gives evidence of a signal. {power}".strip()
    return headline, reason, meaning, "More donors would show a smaller difference."


def _confounded(facts: Facts, gpt2: Score) -> tuple[str, str, str, str]:
    first = facts.confounders[0]
    names = _listing([f"'{one.name}'" for one in facts.confounders])
    rest = "" if len(facts.confounders) == 1 else f" ({names} go with the classes)"
    seen = gpt2.sees or facts.seers
    scores = f"{_kind(facts)} {_interval(gpt2)} with GPT-2{_best_reached(facts)}"
    if seen:
        headline = (
            f"Whether it is {_classes(facts)} that models tell apart cannot be said: '{first.name}'"
            f" goes with them{rest}, so a model may have learned that instead. {_capital(scores)}."
        )
    else:
        headline = (
            f"No model is shown to tell {_classes(facts)} apart, and '{first.name}' goes with"
            f" them{rest}, so that no score could say what was learned. {_capital(scores)}."
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


def _notes(facts: Facts) -> list[str]:
    notes = list(facts.warnings)
    if facts.accepted:
        one = len(facts.accepted) == 1
        verbs = ("goes", "was", "it") if one else ("go", "were", "them")
        notes.append(
            f"{_named(facts.accepted)} {verbs[0]} with the classes and {verbs[1]} accepted by the"
            f" key ignore_confounders: a model may have learned {verbs[2]} instead."
        )
    if facts.permutations and 1 / (facts.permutations + 1) > 0.05 + 1e-9:
        notes.append(
            f"Only {facts.permutations} permutations were run, too few for a p of 0.05: the verdict"
            " rests on the intervals. Set permutations to 99."
        )
    if facts.blocks is not None and facts.gpt2 is not None and facts.gpt2.sees:
        notes.append(_blocks(facts.blocks))
    if len(facts.verdicts) > 1:
        often = sorted(facts.verdicts.items(), key=lambda one: (-one[1], one[0]))
        told = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in often)
        notes.append(
            f"The verdict hangs on how the folds are drawn: of {facts.repeats} draws taken alone,"
            f" {told}."
        )
    return notes


def _blocks(score: Score) -> str:
    adds = f"the transformer blocks change GPT-2's AUC by {_difference(score)}"
    if score.is_worse:
        return f"What GPT-2 adds comes from its blocks: {adds}."
    if score.is_better:
        return f"GPT-2's blocks do harm here: {adds}."
    return f"GPT-2's blocks are not shown to add anything to its gene embedding: {adds}."


def _methods(facts: Facts) -> str:
    if facts.gpt2 is None:
        return "No model was tested, so there is no interval and no p."
    number = len(facts.rivals)
    drawn = "once" if facts.repeats == 1 else f"{facts.repeats} times"
    permuted = {
        "": "No labels were permuted, so there is no p.",
        "refitted": (
            f"GPT-2's p comes from {facts.permutations} permutations of the labels between groups,"
            " folds (drawn once), encoding and fine-tuning done again each time."
        ),
        "fixed predictions": (
            f"GPT-2's p comes from {facts.permutations} permutations of the labels against held-out"
            " predictions left as they are, which repeats no training."
        ),
    }[facts.permuted]
    return (
        f"Folds were drawn {drawn}; AUCs are means over draws. Intervals cover 95 % and have groups"
        " as units: the wider of bootstrap percentiles and of score limits (Newcombe's for an AUC,"
        " Wilson's for the share of a class called right, carried over to balanced accuracy, F1 and"
        " MCC), since a bootstrap of few groups is too narrow. With two classes every model calls a"
        " case from a probability of 0.5 on; all models weigh the classes alike. The differences"
        f" from {number} rivals have intervals that hold for all of them at once (Bonferroni), and"
        f" rivals' p are corrected by Holm's method. {permuted}"
    )


def _short(verdict: str, facts: Facts) -> str:
    badge = verdict.replace("_", " ")
    if facts.gpt2 is None:
        return f"{badge}: {_because(facts)}"
    own = facts.gpt2
    rival = ""
    if facts.best:
        rival = f"; best rival {phrase(facts.best)} {facts.rivals[facts.best].estimate:.2f}"
    return (
        f"{badge}: {_kind(facts)} {_interval(own)} on {facts.n_groups} held-out"
        f" {_unit(facts)}{rival}"
    )


def _because(facts: Facts) -> str:
    return (facts.reason or "no model was fitted").strip().rstrip(".")


def _doubt(score: Score) -> str:
    if not score.sure_low > 0.5:
        return (
            f"the interval of GPT-2's AUC ({score.low:.2f} to {score.high:.2f}) includes 0.5, which"
            " is chance"
        )
    return f"permuted labels do as well as GPT-2's (p {score.p:.2g})"


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


def _more_donors(facts: Facts) -> str:
    counts = list(facts.groups_per_class.values())
    if len(counts) < 2:
        return "Choose a label with two classes or more (columns label, case, control, include)."
    need = _FEWEST if min(counts) < _FEWEST else min(counts) + 1
    return (
        f"It takes {need} donors or more in each class; here are {_sizes(facts)}. A wider include,"
        " or another series, may give them."
    )


def _sizes(facts: Facts) -> str:
    return _listing([f"{number} '{name}'" for name, number in facts.groups_per_class.items()])


def _tells(facts: Facts) -> str:
    if len(facts.classes) == 2:
        return f"tells '{facts.classes[1]}' from '{facts.classes[0]}' {_unseen(facts)}"
    return f"tells {_named(facts.classes)} apart {_unseen(facts)}"


def _classes(facts: Facts) -> str:
    if len(facts.classes) == 2:
        return f"'{facts.classes[1]}' and '{facts.classes[0]}'"
    return _named(facts.classes)


def _unseen(facts: Facts) -> str:
    if facts.n_samples == facts.n_groups:
        return f"in samples that the model has not seen ({facts.n_samples} samples)"
    return (
        f"in donors that the model has not seen ({facts.n_samples} samples of"
        f" {facts.n_groups} donors)"
    )


def _unit(facts: Facts) -> str:
    return "samples" if facts.n_samples == facts.n_groups else "donors"


def _each_rival(facts: Facts) -> str:
    number = len([name for name in facts.rivals if name != MAJORITY])
    return "the one simpler model" if number == 1 else f"each of {number} simpler models"


def _best_reached(facts: Facts) -> str:
    if not facts.best:
        return ""
    best = facts.rivals[facts.best]
    return f", the best of {len(facts.rivals)} rivals, {phrase(facts.best)}, {_interval(best)}"


def _kind(facts: Facts) -> str:
    return "AUC" if len(facts.classes) == 2 else "mean AUC of one class against the rest"


def _interval(score: Score) -> str:
    return f"{score.estimate:.2f} [{score.low:.2f}, {score.high:.2f}]"


def _difference(score: Score) -> str:
    low, high = score.difference_low or 0.0, score.difference_high or 0.0
    return f"{_signed(score.difference or 0.0)} [{_signed(low)}, {_signed(high)}]"


def _signed(value: float) -> str:
    # Two digits that would hide on which side of 0 a limit lies get a third one.
    digits = 3 if value and abs(value) < 0.005 else 2
    return f"{value:+.{digits}f}".replace("-", "−")


def _named(classes: Sequence[str]) -> str:
    # Without a label the samples have no classes.
    return _listing([f"'{name}'" for name in classes if name]) or "classes"


def _listing(items: Sequence[str]) -> str:
    return f"{', '.join(items[:-1])} and {items[-1]}" if len(items) > 1 else "".join(items)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
