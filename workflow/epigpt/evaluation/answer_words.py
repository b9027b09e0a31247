"""The phrases that the answer's sentences are put together from: classes, units, figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from epigpt.model_names import MAJORITY, MODELS
from epigpt.samples.classes import FEWEST_GROUPS
from epigpt.samples.donors import called

if TYPE_CHECKING:
    from epigpt.evaluation.evidence import Facts, Score

_FEWEST = 4


def question(classes: Sequence[str]) -> str:
    """Return what was asked: "Can 'case' be told from 'control'?"."""
    if len(classes) == 2:
        return f"Can '{classes[1]}' be told from '{classes[0]}'?"
    return f"Can {named(classes)} be told apart?"


def asked(classes: Sequence[str]) -> str:
    """Return the task as a phrase, the class of interest first."""
    if len(classes) == 2:
        return f"telling '{classes[1]}' from '{classes[0]}'"
    if len(classes) < 2:
        return "telling classes apart"
    return f"telling {named(classes)} apart"


def phrase(model: str) -> str:
    """Return a model's name within a sentence."""
    return MODELS[model].phrase if model in MODELS else model


def because(facts: Facts) -> str:
    """Return why nothing was tested, without a full stop."""
    return called((facts.reason or "no model was fitted").strip().rstrip("."), unit(facts))


def difference(score: Score) -> str:
    """Return GPT-2's lead over a rival with its interval."""
    low, high = score.difference_low or 0.0, score.difference_high or 0.0
    return f"{signed(score.difference or 0.0)} [{signed(low)}, {signed(high)}]"


def signed(value: float) -> str:
    """Return a number with its sign."""
    # Two digits that would hide on which side of 0 a limit lies get a third one.
    digits = 3 if value and abs(value) < 0.005 else 2
    return f"{value:+.{digits}f}".replace("-", "−")


def interval(score: Score) -> str:
    """Return an AUC with its interval."""
    return f"{score.estimate:.2f} [{score.low:.2f}, {score.high:.2f}]"


def kind(facts: Facts) -> str:
    """Return what the AUC is of."""
    return "AUC" if len(facts.classes) == 2 else "mean AUC of one class against the rest"


def best_reached(facts: Facts) -> str:
    """Return what the best rival reached, to go on a sentence about GPT-2."""
    if not facts.best:
        return ""
    best = facts.rivals[facts.best]
    number = len(facts.rivals)
    which = "its one rival" if number == 1 else f"the best of {number} rivals"
    return f"; {which}, {phrase(facts.best)}, reached {interval(best)}"


def each_rival(facts: Facts) -> str:
    """Return the rivals as a phrase."""
    number = len([name for name in facts.rivals if name != MAJORITY])
    return "the one simpler model" if number == 1 else f"each of {number} simpler models"


def unit(facts: Facts) -> str:
    """Return the units of inference, in the plural."""
    own = facts.gpt2 is not None and facts.n_samples == facts.n_groups
    return "samples" if own else facts.donor_word


def unseen(facts: Facts) -> str:
    """Return what the models were tested on."""
    if facts.n_samples == facts.n_groups:
        return f"in samples that the model has not seen ({facts.n_samples} samples)"
    return (
        f"in {unit(facts)} that the model has not seen ({facts.n_samples} samples of"
        f" {facts.n_groups} {unit(facts)})"
    )


def classes(facts: Facts) -> str:
    """Return the classes as a subject, the class of interest first."""
    if len(facts.classes) == 2:
        return f"'{facts.classes[1]}' and '{facts.classes[0]}'"
    return named(facts.classes)


def tells(facts: Facts) -> str:
    """Return what a model does that sees the signal."""
    if len(facts.classes) == 2:
        return f"tells '{facts.classes[1]}' from '{facts.classes[0]}' {unseen(facts)}"
    return f"tells {named(facts.classes)} apart {unseen(facts)}"


def sizes(facts: Facts) -> str:
    """Return how many units each class has."""
    return listing([f"{number} '{name}'" for name, number in facts.groups_per_class.items()])


def named(classes: Sequence[str]) -> str:
    """Return names as a listing."""
    # Without a label the samples have no classes.
    return listing([f"'{name}'" for name in classes if name]) or "classes"


def listing(items: Sequence[str]) -> str:
    """Return items joined by commas and `and`."""
    return f"{', '.join(items[:-1])} and {items[-1]}" if len(items) > 1 else "".join(items)


def capital(text: str) -> str:
    """Return a text that begins with a capital."""
    return text[:1].upper() + text[1:]


def more_donors(facts: Facts) -> str:
    """Return what would have made an answer possible."""
    counts = list(facts.groups_per_class.values())
    if len(counts) < 2:
        return "Choose a label with two classes or more (columns label, case, control, include)."
    need = _FEWEST if min(counts) < _FEWEST else min(counts) + 1
    few = [name for name, number in facts.groups_per_class.items() if number < FEWEST_GROUPS]
    others = len(counts) - len(few)
    leave = (
        f" Without {named(few)} (column include) the other {others} classes can be tested."
        if few and others > 1
        else ""
    )
    return (
        f"It takes {need} {unit(facts)} or more in each class; here are {sizes(facts)}.{leave} A"
        " wider filter in the column include, or another series, may give more."
    )
