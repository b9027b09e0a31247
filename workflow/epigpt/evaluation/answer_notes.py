"""What is said beside the answer: warnings and qualifications, and how the verdict was reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epigpt.evaluation.answer_words import difference, listing, named, phrase, unit

if TYPE_CHECKING:
    from epigpt.evaluation.evidence import Facts, Locus, Score


def notes(facts: Facts) -> list[str]:
    """List what belongs into the first lines beside the answer."""
    said = list(facts.warnings)
    if facts.accepted:
        one = len(facts.accepted) == 1
        verbs = ("goes", "was", "it") if one else ("go", "were", "them")
        said.append(
            f"{named(facts.accepted)} {verbs[0]} with the classes and {verbs[1]} accepted by the"
            f" key ignore_confounders: a model may have learned {verbs[2]} instead."
        )
    if facts.locus is not None:
        said.append(_locus(facts.locus))
    if facts.excluded_genes:
        said.append(
            f"{facts.excluded_genes:,} genes were kept from every model by the key exclude_genes."
        )
    if facts.permutations and 1 / (facts.permutations + 1) > 0.05 + 1e-9:
        said.append(
            f"Only {facts.permutations} permutations were run, too few for a p of 0.05: the verdict"
            " rests on the intervals. Set permutations to 99."
        )
    if facts.blocks is not None and facts.gpt2 is not None and facts.gpt2.sees:
        said.append(_blocks(facts.blocks))
    if len(facts.verdicts) > 1:
        often = sorted(facts.verdicts.items(), key=lambda one: (-one[1], one[0]))
        told = ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in often)
        said.append(
            f"The verdict hangs on how the folds are drawn: of {facts.repeats} draws taken alone,"
            f" {told}."
        )
    return said


def _locus(locus: Locus) -> str:
    number = len(locus.symbols)
    shown = listing([*locus.symbols[:5], *([f"{number - 5} more"] if number > 5 else [])])
    place = locus.place.partition(":")[0].removeprefix("chr")
    if locus.named:
        crowd = (
            f"The classes bear the name of {locus.named}, which is among the {locus.deciding} genes"
            f" that decide most in {phrase(locus.model)}"
        )
    else:
        crowd = (
            f"{number} of the {locus.deciding} genes that decide most in {phrase(locus.model)} lie"
            f" close together on chromosome {place} ({shown}; by chance p {locus.p:.2g})"
        )
    meaning = (
        "males and females are told apart by such genes, whatever the condition does"
        if locus.on_sex_chromosome
        else "a knock-out or congenic line is told apart by the edited gene and its neighbours,"
        " whatever they do to the tissue"
    )
    without = [
        f"{name} reaches AUC {after:.2f} instead of {before:.2f}"
        for name, before, after in (
            ("GPT-2", locus.gpt2, locus.gpt2_without),
            (phrase(locus.rival), locus.rival_before, locus.rival_without),
        )
        if before is not None and after is not None
    ]
    scored = f" Without the {locus.left_out:,} genes of that place " + (
        f"{' and '.join(without)}, on the first draw of the folds."
        if without
        else "no model was fitted."
    )
    if locus.gpt2 is None:
        scored += " GPT-2 itself was not fitted again, being large."
    return (
        f"{crowd}: {meaning}.{scored}"
        f" To keep them from all models, write exclude_genes: ['{locus.place}']."
    )


def _blocks(score: Score) -> str:
    adds = f"the transformer blocks change the AUC by {difference(score)}"
    if score.is_worse:
        return f"What GPT-2 adds comes from its blocks: {adds}."
    if score.is_better:
        return f"GPT-2's blocks do harm here: {adds}."
    return f"GPT-2 is not shown to gain from its blocks: against itself without them, {adds}."


def methods(facts: Facts) -> str:
    """Return how the verdict was reached, for the methods section."""
    if facts.gpt2 is None:
        return "No model was tested, so there is no interval and no p."
    number = len(facts.rivals)
    drawn = "once" if facts.repeats == 1 else f"{facts.repeats} times"
    permuted = {
        "": "No labels were permuted, so there is no p.",
        "refitted": (
            f"GPT-2's p comes from {facts.permutations} permutations of the labels between"
            f" {unit(facts)}, folds (drawn once), encoding and fine-tuning done again each time."
        ),
        "fixed predictions": (
            f"GPT-2's p comes from {facts.permutations} permutations of the labels against held-out"
            " predictions left as they are, which repeats no training."
        ),
    }[facts.permuted]
    return (
        f"Folds were drawn {drawn}; AUCs are means over draws. Intervals cover 95 % and have"
        f" {unit(facts)} as units: the wider of bootstrap percentiles and of score limits"
        " (Newcombe's for an AUC, Wilson's for the share of a class called right, carried over to"
        " balanced accuracy, F1 and MCC), since a bootstrap of few is too narrow. With two"
        " classes every model calls a case from a probability of 0.5 on; all models weigh the"
        " classes alike. The differences"
        f" from {number} rivals have intervals that hold for all of them at once (Bonferroni), and"
        f" rivals' p are corrected by Holm's method. {permuted}"
    )
