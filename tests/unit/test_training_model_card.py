"""The model card: names of a record never become markup."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from epigpt.training import model_card


def test_names_of_classes_are_text() -> None:
    names = ["<script>alert(1)</script>", "[case](http://x)", "a\n# heading"]
    index = pd.DataFrame(
        {"set": "train", "sample": ["S1", "S2", "S3"], "group": ["a", "b", "c"], "label": names}
    )
    recipe = SimpleNamespace(encoding="gene-values", max_genes=2, views=1)
    store = SimpleNamespace(
        index=index,
        classes=names,
        recipe=recipe,
        vocabulary=SimpleNamespace(genes=("g",), organism="human"),
    )
    plan = SimpleNamespace(
        parameters=1, steps=1, global_batch_size=1, precision="fp32", learning_rates={"head": 0.1}
    )
    settings = {"tuning": "full", "weights": "none", "seed": 1}
    text = model_card.text("tiny", "final", store, plan, settings)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "[case](" not in text
    assert "\n# heading" not in text


def test_the_card_of_a_finished_model_holds_the_answer_once_and_as_text():
    from epigpt.prediction import origin

    answer = {
        "question": "Can 'kindled' be told from 'sham'?",
        "badge": "as good as simpler models",
        "sentence": "The classes can be told apart.",
        "n_samples": 24,
        "unit": "litters",
        "groups_per_class": {"sham": 6, "kindled": 6},
        "auc": {"finetuned": {"estimate": 0.9, "low": 0.7, "high": 1.0}},
        "notes": ["A | <b>note</b>."],
    }
    told = origin.content(answer, {"organism": "mouse"}, "GSE1", np.array([1.0]))
    card = "# Model\n\n## Limits\nFitted on one series.\n"
    once = origin.with_answer(card, told)
    for said in ("GSE1", "0.90 \\[0.70, 1.00\\]", "6 sham, 6 kindled", "Licence of the data"):
        assert said in once
    assert "<b>" not in once
    assert once.index("## Answer of its series") < once.index("## Limits")
    assert once.endswith("## Limits\nFitted on one series.\n")
    assert origin.with_answer(once, told) == once
    untested = origin.content({**answer, "auc": {}}, {}, "mine.h5ad", np.array([]))
    again = origin.with_answer(once, untested)
    assert "none: no model was tested" in again
    assert again.count("## Answer of its series") == 1
