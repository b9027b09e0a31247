"""The verdict: what was asked and how GPT-2 did."""

import math
from typing import Any

from epigpt.report import blocks, wording
from epigpt.report.blocks import Section
from epigpt.report.results import Results
from epigpt.report.sections.decisions import decisions


def sentence(results: Results) -> str:
    """Return the page's first sentence: the one of verdict.json, or else one made from the
    metrics."""
    given = str(results.verdict.get("sentence") or "").strip()
    if given:
        return given
    asked = (
        f"Can {wording.listing(results.classes) or 'the classes'} be told apart in"
        f" {results.dataset}?"
    )
    gpt2, logistic = results.metric("finetuned", "auc"), results.metric("logistic_l2", "auc")
    if math.isnan(gpt2):
        reason = str(
            results.verdict.get("reason")
            or results.folds_summary.get("reason")
            or "no model was fitted"
        ).rstrip(".")
        return f"{asked} Not assessable: {reason}."
    best = f"AUC {wording.score(logistic)}" if not math.isnan(logistic) else "not available"
    return f"{asked} GPT-2 reached AUC {wording.score(gpt2)}, logistic regression {best}."


def because(results: Results) -> str:
    """Return the reason of the verdict as a sentence, for beside its name; empty where the first
    sentence says it."""
    reason = wording.sentence(str(results.verdict.get("reason") or ""))
    said = sentence(results).lower()
    return "" if reason.rstrip(".").lower() in said else reason


def key_figures(results: Results) -> list[tuple[str, str, str]]:
    """List the figures set large beside the verdict: name, value, detail."""
    found = []
    best = str(results.verdict.get("best_rival") or "logistic_l2")
    rival = wording.MODEL_NAMES.get(best, best)
    for name, model in (("GPT-2", "finetuned"), (f"Best rival, {rival}", best)):
        value = results.metric(model, "auc")
        if math.isnan(value):
            continue
        low, high = results.metric(model, "auc", "low"), results.metric(model, "auc", "high")
        found.append(
            (
                f"{name}: AUC",
                wording.score(value),
                (
                    ""
                    if math.isnan(low)
                    else f"95 % interval {wording.score(low)} to {wording.score(high)}"
                ),
            )
        )
    samples = results.compared
    per_class = [
        f"{int((samples['label'] == name).sum())} {wording.short(name, 24)}"
        for name in results.classes
    ]
    gone = len(results.samples) - len(samples)
    lost = f"; {gone} left out by the quality limits" if gone else ""
    found.append(("Samples", wording.number(len(samples)), wording.listing(per_class, 4) + lost))
    if results.unit != "sample":
        number = int(samples["group"].nunique())
        found.append((wording.plural(results.unit).capitalize(), wording.number(number), ""))
    table = results.contrasts
    if len(table) and len(found) < 4:
        found.append(
            (
                "Genes at FDR 5 %",
                wording.number(int(table["padj"].lt(0.05).sum())),
                "",
            )
        )
    return found


def section(results: Results) -> Section:
    """Make the section below the first sentence: reason, simulated or not, the figures behind the
    verdict."""
    content: list[Any] = []
    if results.simulated:
        made_up = ", ".join(dict.fromkeys(("samples", results.units)))
        content.append(
            blocks.Prose(
                f"This series is simulated: its {made_up} and genes' changes are made up, with a"
                " planted truth. Nothing here is evidence about epilepsy.",
                strong=True,
            )
        )
    content += decisions(results)
    content += [
        blocks.Prose(wording.sentence(text)) for text in _texts(results.verdict.get("notes"))
    ]
    remedy = str(results.verdict.get("remedy") or "")
    if remedy:
        content.append(blocks.Prose(f"What would lead further: {wording.sentence(remedy)}"))
    values = _values_note(results)
    if values:
        content.append(blocks.Prose(values, strong=True))
    meaning = str(results.verdict.get("meaning") or "")
    return Section(
        "verdict",
        "Answer",
        meaning or "What the rules fixed beforehand make of the figures.",
        content,
        "" if results.verdict else "no model was judged.",
    )


def _values_note(results: Results) -> str:
    kind = str((results.reading.get("values") or {}).get("type") or "raw_counts")
    return (
        ""
        if kind == "raw_counts"
        else (
            f"The values of this series are not raw counts but {kind.replace('_', ' ')}: treat"
            " every figure below with that in mind."
        )
    )


def _texts(content: Any) -> list[str]:
    return (
        [str(item) for item in content]
        if isinstance(content, list)
        else [str(content)]
        if content
        else []
    )


def flatten(content: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """List the leaves of nested dicts with dotted keys; lists of plain values become one text."""
    if isinstance(content, dict):
        return [
            leaf
            for key in content
            for leaf in flatten(content[key], f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(content, list):
        if all(not isinstance(item, (dict, list)) for item in content):
            return [(prefix, ", ".join(str(item) for item in content))]
        return [
            leaf for at, item in enumerate(content) for leaf in flatten(item, f"{prefix}.{at + 1}")
        ]
    return [(prefix, content)]
