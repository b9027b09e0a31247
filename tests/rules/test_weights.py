"""Whatever trains waits for the weights that it starts from."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def training_rules() -> list[tuple[str, str]]:
    """List name and text of every rule whose stage is told how a fit is trained."""
    found = []
    for path in sorted((ROOT / "rules").glob("*.smk")):
        for part in re.split(r"(?m)^(?= *(?:rule|checkpoint) \w+:)", path.read_text("utf-8"))[1:]:
            name = re.match(r" *\w+ (\w+):", part)
            if name and "*TRAINING_KEYS" in part:
                found.append((name[1], part))
    return found


def test_the_rules_that_train_are_found() -> None:
    assert {"train", "comparison", "redraw", "null"} <= {name for name, _ in training_rules()}


@pytest.mark.parametrize(("name", "text"), training_rules())
def test_a_rule_that_trains_waits_for_its_weights(name: str, text: str) -> None:
    assert "pretrained=fetched_weights" in text.split("output:", maxsplit=1)[0], name
