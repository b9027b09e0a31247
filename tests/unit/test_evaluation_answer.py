"""The answer's rules and words, over branches written out."""

import math
from dataclasses import replace

import pytest

from epigpt.evaluation import answer
from epigpt.evaluation.evidence import Confounder, Facts, Locus, Score
from epigpt.evaluation.multiple_testing import holm

CLASSES = ("control", "epilepsy")


SIZES = {"control": 12, "epilepsy": 12}


def gpt2(estimate=0.9, low=0.7, high=1.0, p=None):
    return Score(estimate, low, high, sure_low=low, p=p)


def rival(estimate=0.8, apart=(-0.1, 0.2), low=0.4, p=None):
    return Score(
        estimate,
        low + 0.05,
        min(1.0, estimate + 0.2),
        sure_low=low,
        p=p,
        difference=sum(apart) / 2,
        difference_low=apart[0],
        difference_high=apart[1],
    )


def facts(**changes):
    given = {
        "classes": CLASSES,
        "groups_per_class": SIZES,
        "n_samples": 24,
        "n_groups": 24,
        "gpt2": gpt2(),
        "rivals": {"logistic_l2": rival(), "random_forest": rival(0.7)},
        "smallest_auc": 0.74,
        "smallest_p": 0.001,
    }
    return Facts(**(given | changes))


BETTER, WORSE = (-0.4, -0.05), (0.03, 0.3)


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({}, "as_good", "not shown to do it better than simpler models: AUC 0.90 [0.70, 1.00]"),
        (
            {"rivals": {"logistic_l2": rival(apart=WORSE), "logistic_l1": rival(0.7, WORSE)}},
            "works",
            "better than each of 2 simpler models: AUC 0.90 [0.70, 1.00] against 0.80",
        ),
        # The best rival alone is not enough: every one must be behind.
        ({"rivals": {"logistic_l2": rival(apart=WORSE), "ktsp": rival(0.7)}}, "as_good", ""),
        (
            {"rivals": {"logistic_l1": rival(0.99, BETTER, low=0.9)}},
            "signal_missed",
            "GPT-2 misses a part of what logistic regression (L1) sees",
        ),
        (
            {"gpt2": gpt2(0.6, 0.4), "rivals": {"logistic_l1": rival(0.99, low=0.9)}},
            "signal_missed",
            "but not by GPT-2: AUC 0.60 [0.40, 1.00]",
        ),
        (
            {"gpt2": gpt2(1.0, 0.9), "rivals": {"logistic_l1": rival(1.0, (-0.1, 0.1), 0.9)}},
            "as_good",
            "are separable",
        ),
        (
            {"gpt2": gpt2(0.6, 0.4)},
            "no_evidence",
            "No model is shown to tell 'epilepsy' and 'control' apart",
        ),
        ({"gpt2": gpt2(p=0.2), "permutations": 99, "permuted": "refitted"}, "no_evidence", ""),
        ({"gpt2": gpt2(p=0.05), "permutations": 99, "permuted": "refitted"}, "as_good", ""),
        (
            {"smallest_p": 0.1, "groups_per_class": {"control": 3, "epilepsy": 3}},
            "too_few_donors",
            "with 3 'control' and 3 'epilepsy' a perfect score arises by luck once in 10",
        ),
        ({"smallest_auc": math.inf}, "too_few_donors", "even a perfect score includes 0.5"),
        (
            {"confounders": (Confounder("date", "one threshold on it separates the classes"),)},
            "confounded",
            "'date' goes with them, so a model may have learned that instead",
        ),
        (
            {
                "gpt2": gpt2(0.5, 0.3),
                "confounders": (Confounder("date", "one threshold on it separates the classes"),),
            },
            "confounded",
            "No model is shown to tell 'epilepsy' and 'control' apart, and 'date' goes with them",
        ),
        (
            {"gpt2": None, "rivals": {}, "reason": "class 'epilepsy' has 2 groups."},
            "not_assessable",
            "no model was tested, because class 'epilepsy' has 2 groups.",
        ),
    ],
)
def test_rules_and_first_sentences(changes, verdict, said):
    found = answer.decide(facts(**changes))
    assert found.verdict == verdict
    assert said in found.text.headline


CONFOUNDED = (Confounder("date", "one threshold on it separates the classes"),)


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        ({}, True),
        ({"rivals": {"logistic_l2": rival(apart=WORSE)}}, True),
        ({"rivals": {"logistic_l1": rival(0.99, BETTER, low=0.9)}}, False),
        ({"gpt2": gpt2(0.6, 0.4)}, False),
        ({"smallest_auc": math.inf}, False),
        ({"confounders": CONFOUNDED}, True),
        # What goes with a confounder and was not even seen is no evidence either.
        ({"confounders": CONFOUNDED, "gpt2": gpt2(0.5, 0.3)}, False),
    ],
)
def test_genes_are_listed_where_gpt2_is_shown_to_see_something(changes, listed):
    assert answer.decide(facts(**changes)).as_dict()["genes_are_listed"] is listed


def test_what_is_confounded_says_how_to_go_on():
    found = answer.decide(facts(confounders=(Confounder("batch", "each of its values…"),)))
    assert "ignore_confounders ([batch])" in found.text.remedy
    assert "column include" in found.text.remedy
    accepted = answer.decide(facts(accepted=("batch",)))
    assert accepted.verdict == "as_good"
    assert "'batch' goes with the classes and was accepted" in accepted.text.notes[0]


def test_rivals_are_corrected_for_their_number():
    seen = {f"r{at}": rival(0.85, low=0.6, p=p) for at, p in enumerate(holm([0.03] * 3))}
    assert answer.decide(facts(gpt2=gpt2(0.5, 0.3), rivals=seen)).verdict == "no_evidence"
    assert holm([0.01, 0.04, None, 0.03]) == pytest.approx([0.03, 0.06, None, 0.06])


def test_the_verdict_that_hangs_on_the_draw_is_said_and_is_not_green():
    shown = {"rivals": {"logistic_l2": rival(apart=WORSE)}}
    steady = answer.decide(facts(**shown))
    shaky = answer.decide(facts(**shown, repeats=10, verdicts={"as_good": 4, "works": 6}))
    assert (steady.tone, shaky.tone) == ("good", "warn")
    assert "of 10 draws taken alone, works 6, as good 4" in shaky.text.notes[0]


def test_a_crowded_locus_is_said_with_what_is_left_and_is_not_green():
    place = Locus(
        model="logistic_l1",
        place="chr2:55000000-76000000",
        symbols=("Scn1a", "Ttc21b", "Galnt3", "Xirp2", "Csrnp3", "Stk39"),
        deciding=20,
        p=0.0005,
        on_sex_chromosome=False,
        named="",
        left_out=140,
        gpt2=0.98,
        gpt2_without=0.61,
        rival="logistic_l1",
        rival_before=1.0,
        rival_without=0.64,
    )
    shown = {"rivals": {"logistic_l2": rival(apart=WORSE)}}
    found = answer.decide(facts(**shown, locus=place))
    assert (found.verdict, found.tone) == ("works", "warn")
    [note] = found.text.notes
    assert "6 of the 20 genes that decide most" in note
    assert "a knock-out or congenic line is told apart by the edited gene" in note
    assert "GPT-2 reaches AUC 0.61 instead of 0.98" in note
    assert "exclude_genes: ['chr2:55000000-76000000']" in note
    assert found.as_dict()["locus"]["place"] == place.place
    sex = answer.decide(facts(locus=replace(place, on_sex_chromosome=True))).text.notes[0]
    assert "males and females are told apart" in sex
    named = answer.decide(facts(locus=replace(place, named="Scn1a"))).text.notes[0]
    assert "The classes bear the name of Scn1a" in named


def test_the_unit_is_what_its_column_calls_it():
    litters = answer.decide(facts(n_groups=12, donor_word="litters"))
    assert "24 samples of 12 litters" in litters.text.headline
    assert litters.as_dict()["unit"] == "litters"
    assert answer.decide(facts()).as_dict()["unit"] == "samples"


def test_what_was_not_tested_is_said_in_the_series_word_and_with_a_way_on():
    sizes = {"astrocytes": 6, "neurons": 7, "OPC": 1}
    told = answer.decide(
        facts(
            gpt2=None,
            rivals={},
            donor_word="mice",
            groups_per_class=sizes,
            classes=tuple(sizes),
            reason="class 'OPC' has 1 donor; fewer than 3 donors cannot be tested",
        )
    ).text
    assert "class 'OPC' has 1 mouse; fewer than 3 mice" in told.headline
    assert "Without 'OPC' (column include) the other 2 classes can be tested." in told.remedy
    two = {"a": 6, "OPC": 1}
    less = facts(gpt2=None, rivals={}, groups_per_class=two, classes=tuple(two), reason="x")
    assert "Without" not in answer.decide(less).text.remedy


def test_one_rival_is_not_the_best_of_one():
    alone = {"rivals": {"logistic_l2": rival(0.7, WORSE)}}
    assert "better than the one simpler model" in answer.decide(facts(**alone)).text.headline
    silent = answer.decide(facts(gpt2=gpt2(0.6, 0.4), rivals={"logistic_l2": rival(0.55)}))
    assert "; its one rival, logistic regression, reached 0.55" in silent.text.headline


def test_of_equals_a_model_of_another_kind_is_the_best_rival():
    told = answer.decide(
        facts(rivals={"finetuned_no_blocks": rival(), "logistic_l2": rival(), "ktsp": rival(0.7)})
    ).as_dict()
    assert told["best_rival"] == "logistic_l2"
    assert "transformer blocks" not in told["sentence"]
