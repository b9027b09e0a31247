"""The model card: names of a record never become markup."""

from types import SimpleNamespace

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
