"""What pretraining takes, by arithmetic."""

import json

import pytest

from epigpt import cli
from epigpt.training import corpus_cost


def test_tokens_hours_and_disk_grow_with_the_corpus(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", "--corpus", "--json"]) == 0
    rows = {(row["samples"], row["devices"]): row for row in json.loads(capsys.readouterr().out)}
    assert {samples for samples, _ in rows} == {10_000, 100_000, 1_000_000}
    assert {devices for _, devices in rows} == {1, 8, 32}
    small, large = rows[10_000, 8], rows[1_000_000, 8]
    for key in ("tokens", "store_bytes"):
        assert large[key] == 100 * small[key]
    assert large["hours"] == pytest.approx(100 * small["hours"], rel=0.01)
    assert rows[1_000_000, 32]["hours"] == pytest.approx(large["hours"] / 4, rel=0.05)
    # 10,000 samples × 8 views × 20 passes × 128 genes.
    assert small["tokens"] == 10_000 * 8 * 20 * 128


def test_one_card_holds_gpt2_xl_and_the_store_is_fast_enough_for_32() -> None:
    costs = corpus_cost.table("gpt2-xl")
    assert len(costs) == 9
    assert max(one.sequences_per_second for one in costs) < corpus_cost.STORE_RATE
    assert "gpt2-xl" in corpus_cost.text(costs, "gpt2-xl")
