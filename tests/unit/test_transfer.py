"""Two series over common genes: classes that correspond, co-orthologs summed, nothing of the tested
series in the training fold."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from epigpt.config import loading
from epigpt.dataset.expression_data import ExpressionData
from epigpt.errors import InputError
from epigpt.genes.markers import marker_sets
from epigpt.report.results import Results
from epigpt.report.sections import transfer as shown
from epigpt.stages import transfer_table
from epigpt.transfer import paired_dataset, scores


def series(
    name: str, organism: str, effect: float, seed: int, donors: int = 8
) -> paired_dataset.PairedDataset:
    """Bulk counts of the species' marker genes; those that are expected to rise do so in the
    case."""
    random = np.random.default_rng(seed)
    table = marker_sets(organism)
    table = table[table["gene"] != ""].drop_duplicates("gene")
    label = np.array(["case", "control"] * donors)
    level = 200 * np.exp(random.normal(0, 0.2, len(table)))
    change = np.where(table["expected"] == "up", effect, 0.0)
    counts = random.poisson(level * np.exp2(np.outer(label == "case", change)))
    names = [f"S{number}" for number in range(len(label))]
    return paired_dataset.PairedDataset(
        name=name,
        obs=pd.DataFrame({"sample": names, "group": names, "label": label}, index=names),
        counts=scipy.sparse.csr_matrix(counts),
        genes=list(table["gene"]),
        symbols=list(table["symbol"]),
        organism=organism,
        assay="bulk",
        classes=["control", "case"],
        case_named=True,
    )


def auc(trained: paired_dataset.PairedDataset, tested: paired_dataset.PairedDataset) -> float:
    joined, folds, summary = paired_dataset.join(trained, tested)
    data = ExpressionData(
        joined.layers["lognorm"].tocsr(),
        *(joined.obs[name].to_numpy(dtype=str) for name in ("sample", "label", "group")),
    )
    predicted = scores.baseline_predictions(["logistic_l2"], data, folds, 1)
    assert predicted["sample"].str.startswith(f"{tested.name}:").all()
    models = scores.arranged(predicted.assign(model="finetuned"), summary["classes"])
    metrics, _ = scores.score(models, "tiny", 200, 1)
    row = metrics.set_index("metric").loc["auc"]
    assert row["n_samples"] == len(tested.obs)
    assert (row["p"] < 0.05) == (row["estimate"] > 0.8)
    return float(row["estimate"])


@pytest.mark.slow
@pytest.mark.parametrize("organism", ["rat", "human", "zebrafish"])
def test_what_is_learned_in_mouse_is_found_in_another_species(organism: str) -> None:
    assert auc(series("a", "mouse", 1.0, 1), series("b", organism, 1.0, 2)) > 0.9


def test_a_series_without_an_effect_gives_no_claim() -> None:
    assert 0.15 < auc(series("a", "mouse", 1.0, 1), series("b", "rat", 0.0, 3)) < 0.8


def test_co_orthologs_are_summed_and_every_count_of_a_shared_gene_is_kept() -> None:
    fish = series("b", "zebrafish", 0.0, 2)
    over = paired_dataset.over_human_genes(fish)
    copies = [at for at, symbol in enumerate(fish.symbols) if symbol in ("gria1a", "gria1b")]
    assert len(copies) == 2
    assert (
        over["GRIA1"].to_numpy().tolist()
        == np.asarray(fish.counts[:, copies].sum(axis=1)).ravel().tolist()
    )


def test_the_tested_series_is_never_in_the_training_fold_and_its_counts_change_nothing_there() -> (
    None
):
    mouse, rat = series("a", "mouse", 1.0, 1), series("b", "rat", 1.0, 2)
    joined, folds, _ = paired_dataset.join(mouse, rat)
    tested = folds["sample"].str.startswith("b:")
    assert set(folds.loc[tested, "fold"]) == {paired_dataset.TEST_FOLD}
    assert set(folds.loc[~tested, "fold"]) == {paired_dataset.TRAINING_FOLD}
    garbage, _, _ = paired_dataset.join(
        mouse, replace(rat, counts=rat.counts * 0 + rat.counts[:, ::-1] * 7)
    )
    own = joined.obs["sample"].str.startswith("a:").to_numpy()
    for layer in ("counts", "lognorm"):
        assert (joined.layers[layer].tocsr()[own] != garbage.layers[layer].tocsr()[own]).nnz == 0


def test_classes_of_other_names_correspond_by_case_and_control_or_not_at_all() -> None:
    mouse, rat = series("a", "mouse", 1.0, 1), series("b", "rat", 1.0, 2)
    renamed = replace(rat, classes=["sham", "seizures"])
    assert paired_dataset.corresponding_classes(mouse, renamed) == {
        "sham": "control",
        "seizures": "case",
    }
    with pytest.raises(InputError, match="does not follow"):
        paired_dataset.corresponding_classes(mouse, replace(renamed, case_named=False))
    with pytest.raises(InputError, match="3 classes") as refused:
        paired_dataset.corresponding_classes(replace(mouse, classes=["a", "b", "c"]), rat)
    assert "a -> b" in str(refused.value)


def test_pairs_that_their_rows_rule_out_are_refused() -> None:
    mouse, rat = series("a", "mouse", 1.0, 1), series("b", "rat", 1.0, 2)
    with pytest.raises(InputError, match="different scales"):
        paired_dataset.join(mouse, replace(rat, assay="single_cell"))
    with pytest.raises(InputError, match="human orthologs"):
        paired_dataset.join(mouse, replace(rat, organism="yeast"))


def test_pairs_that_the_data_rule_out_say_why() -> None:
    mouse, rat = series("a", "mouse", 1.0, 1), series("b", "rat", 1.0, 2)
    nameless = replace(
        rat, genes=[f"X{at}" for at in range(len(rat.genes))], symbols=["-"] * len(rat.genes)
    )
    small = series("c", "rat", 1.0, 2, donors=2)
    assert paired_dataset.join(mouse, rat)[2]["reason"] == ""
    assert "share 0 genes" in paired_dataset.join(mouse, nameless)[2]["reason"]
    assert "of 'c' has 2 donors" in paired_dataset.join(mouse, small)[2]["reason"]
    assert "of 'c' has 2 donors" in paired_dataset.join(small, mouse)[2]["reason"]


def test_a_pair_that_cannot_be_tested_stands_in_the_table_and_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "genes.json").write_text(
        json.dumps(
            {"trained_on": "a", "tested_on": "b", "shared_genes": 7, "unit": "mice"}
            | {"reason": "too few"}
        )
    )
    command = [
        "transfer_table",
        "--untested",
        str(tmp_path / "genes.json"),
        "--table",
        str(tmp_path / "transfer.tsv"),
    ]
    monkeypatch.setattr(sys, "argv", command)
    transfer_table.main()
    written = pd.read_csv(tmp_path / "transfer.tsv", sep="\t", keep_default_na=False)
    assert list(written) == transfer_table.COLUMNS
    [section] = shown.sections(Results(tmp_path))
    assert [block.kind for block in section.blocks] == ["prose"]
    assert section.blocks[0].text == "a → b was not tested: too few."


def test_scores_are_over_what_the_tested_series_calls_its_groups(tmp_path: Path) -> None:
    mouse, litters = series("a", "mouse", 1.0, 1), series("b", "rat", 1.0, 2)
    paired = litters.obs.assign(group=[f"L{at // 2}" for at in range(len(litters.obs))])
    litters = replace(litters, obs=paired, donors="litters")
    assert paired_dataset.join(litters, mouse)[2]["unit"] == "samples"
    assert paired_dataset.join(mouse, litters)[2]["unit"] == "litters"
    few = replace(litters, obs=paired.assign(group=["L0", "L1"] * 8))
    assert "of 'b' has 1 litter:" in paired_dataset.join(mouse, few)[2]["reason"]
    row = {"trained_on": "a", "tested_on": "b", "shared_genes": 90, "unit": "litters"}
    row |= {"model": "finetuned", "metric": "auc", "estimate": 0.9, "low": 0.7, "high": 1.0}
    row |= {"n_samples": 16, "n_groups": 8}
    table = pd.DataFrame([row]).reindex(columns=transfer_table.COLUMNS)
    table.to_csv(tmp_path / "transfer.tsv", sep="\t", index=False)
    [section] = shown.sections(Results(tmp_path))
    [block] = section.blocks
    assert "8 litters" in [cell.shown for cell in block.rows[0]]


def test_pairs_name_two_data_sets_of_the_table() -> None:
    assert loading.transfer_pairs(["m -> r", "m -> r"], ["m", "r"]) == [("m", "r")]
    with pytest.raises(InputError, match="mouse_one"):
        loading.transfer_pairs(["mouse_on -> r"], ["mouse_one", "r"])
    with pytest.raises(InputError, match="by the folds"):
        loading.transfer_pairs(["m -> m"], ["m"])
    with pytest.raises(InputError, match="transfer"):
        loading.validated({"transfer": ["m to r"]})
