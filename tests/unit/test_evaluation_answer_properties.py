"""What holds for every answer, over simulated facts."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epigpt.evaluation import answer
from epigpt.evaluation.evidence import Confounder, Facts, Score

UNIT = st.floats(0, 1)


P = st.none() | UNIT


@st.composite
def scores(draw, rival_of_gpt2=True):
    low, estimate, high = sorted(draw(st.lists(UNIT, min_size=3, max_size=3)))
    if not rival_of_gpt2:
        return Score(estimate, low, high, sure_low=low, p=draw(P))
    apart = sorted(draw(st.lists(st.floats(-1, 1), min_size=3, max_size=3)))
    sure = draw(st.floats(0, low))
    return Score(estimate, low, high, sure, draw(P), apart[1], apart[0], apart[2])


@st.composite
def simulated(draw):
    names = st.sampled_from(["logistic_l1", "logistic_l2", "random_forest", "majority"])
    tested = draw(st.booleans())
    classes = draw(st.sampled_from([("a", "b"), ("a", "b", "c")]))
    rivals = draw(st.dictionaries(names, scores(), min_size=1)) if tested else {}
    blocks = draw(st.none() | scores()) if tested else None
    permutations = draw(st.sampled_from([0, 5, 99]))
    return Facts(
        classes=classes,
        groups_per_class={name: draw(st.integers(1, 40)) for name in classes},
        n_samples=draw(st.integers(6, 60)),
        n_groups=draw(st.integers(6, 60)),
        gpt2=draw(scores(rival_of_gpt2=False)) if tested else None,
        rivals=rivals | ({} if blocks is None else {"finetuned_no_blocks": blocks}),
        blocks=blocks,
        confounders=draw(st.sampled_from([(), (Confounder("date", "one threshold…"),)])),
        accepted=draw(st.sampled_from([(), ("time",)])),
        smallest_auc=draw(st.sampled_from([0.7, math.inf])),
        smallest_p=draw(st.sampled_from([0.001, 0.1])),
        permutations=permutations,
        permuted="refitted" if permutations else "",
        repeats=10,
        verdicts=draw(st.sampled_from([{}, {"works": 4, "as_good": 6}])),
        warnings=draw(st.sampled_from([(), ("every sample counts as a donor.",)])),
        reason="" if tested else "class 'a' has 2 groups",
    )


@pytest.mark.slow
@given(simulated())
@settings(max_examples=400, deadline=None)
def test_no_lead_is_claimed_that_was_not_shown(given_facts):
    found = answer.decide(given_facts)
    content = found.as_dict()
    said = " ".join(
        [found.text.headline, found.text.reason, found.text.meaning, found.text.short]
    ).lower()
    shown = bool(given_facts.rivals) and all(
        score.difference_low > 0 for score in given_facts.rivals.values()
    )
    if re.search(r"better than each|leads|beats", said):
        assert shown
        assert given_facts.gpt2.low > 0.5
    assert (found.verdict == "works") == ("better than each" in said or "the one simpler" in said)
    if content["tone"] == "good":
        assert found.verdict == "works"
        taken_back = (given_facts.confounders, given_facts.accepted, given_facts.warnings)
        assert not any(taken_back)
    if found.verdict in ("works", "as_good"):
        assert given_facts.gpt2.sees
    if found.verdict == "no_evidence":
        assert not given_facts.seers
        assert not given_facts.gpt2.sees
    assert content["verdict"] in answer.TONES


@pytest.mark.slow
@given(simulated())
@settings(max_examples=200, deadline=None)
def test_every_text_is_made_of_whole_sentences(given_facts):
    text = answer.decide(given_facts).text
    assert text.headline.endswith(".")
    assert text.headline[0].isupper()
    for told in (text.headline, text.reason, text.meaning, text.remedy, text.methods, text.short):
        assert not re.search(r"None|nan|inf\b|  |\.\.|\{|\}|,,| ,", told), told
    assert text.methods.endswith(".")
    assert "\n" not in text.short
