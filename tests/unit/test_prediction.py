"""`epigpt predict`: the same probabilities as the run's own, whatever the file's shape, order or
species; refusals."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification

from epigpt import files
from epigpt.cli import main
from epigpt.dataset.count_blocks import open_observations
from epigpt.encoding import token_dataset
from epigpt.genes import orthologs
from epigpt.genes.annotation import annotation
from epigpt.models import classifier, presets
from epigpt.prediction import finished_model
from epigpt.training import finished_fit, held_out_predictions

ENCODINGS = ["program-tokens", "gene-tokens", "gene-sentence", "gene-values"]
SAMPLES = [f"S{number:02d}" for number in range(10)]


def _mouse_genes() -> list[tuple[str, str]]:
    """Give 160 mouse genes whose human ortholog is theirs alone, as (mouse, human) symbols."""
    symbols = sorted(
        name
        for name in annotation("mouse").known
        if name[:1].isupper() and name[1:].islower() and len(name) > 3
    )[:3000]
    rows, _ = orthologs.to_human(symbols, symbols, "mouse")
    rows = rows[(rows["human"] != "") & ~rows["human"].duplicated(keep=False)]
    return list(zip(rows["gene"], rows["human"], strict=True))[:160]


@pytest.fixture(scope="module")
def genes() -> list[tuple[str, str]]:
    return _mouse_genes()


@pytest.fixture(scope="module")
def counts(genes: list[tuple[str, str]]) -> pd.DataFrame:
    """Samples × genes, two of which nobody expresses; the last sample is one that quality control
    would leave out."""
    generator = np.random.default_rng(0)
    values = generator.poisson(generator.gamma(0.7, 30, len(genes)), (len(SAMPLES) + 1, len(genes)))
    values[:, :2] = 0
    values[-1] //= 50
    return pd.DataFrame(values, index=[*SAMPLES, "S99"], columns=[mouse for mouse, _ in genes])


def _h5ad(path: Path, table: pd.DataFrame, organism: str = "mouse") -> Path:
    obs = pd.DataFrame(
        {
            "sample": table.index,
            "group": table.index,
            "label": ["a", "b"] * 5 + ["a"] * (len(table) - 10),
        },
        index=table.index,
    )
    data = anndata.AnnData(
        X=scipy.sparse.csr_matrix(table.to_numpy(dtype=np.int32)),
        obs=obs,
        var=pd.DataFrame({"symbol": table.columns}, index=table.columns),
    )
    data.uns.update({"assay": "bulk", "organism": organism})
    data.write_h5ad(path)
    return path


@pytest.fixture(scope="module", params=ENCODINGS)
def run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, counts: pd.DataFrame
) -> SimpleNamespace:
    """A data set's counts, expression and tokens, and a model over them whose head was drawn wide
    enough to tell samples apart."""
    folder = tmp_path_factory.mktemp(request.param)
    _h5ad(folder / "counts.h5ad", counts)
    expression = _h5ad(folder / "expression.h5ad", counts.iloc[:10, 2:])
    observations = open_observations(expression)
    recipe = token_dataset.EncodingConfig(request.param, 30, 100, 3, 7, 0.1)
    token_dataset.write(
        folder / "tokens", observations, np.zeros(10, dtype=bool), ["a", "b"], recipe
    )
    stored = token_dataset.load(folder / "tokens")
    config = classifier.configuration(
        presets.load("tiny"), request.param, stored.size, stored.tokens.shape[2], stored.classes
    )
    model = classifier.build(config, 1)
    # Behind the end token all samples look much alike, and a wide head would give all of them a
    # probability of 0.
    torch.nn.init.normal_(
        model.get_parameter("score.weight"), std=0.2 if request.param == "gene-tokens" else 2.0
    )
    model_folder = folder / "final"
    classifier.save(model, model_folder)
    stored.vocabulary.save(model_folder / "vocabulary.json")
    stored.reference.save(model_folder / "reference.npz")
    files.write_json(model_folder / "labels.json", {"classes": stored.classes, **vars(recipe)})
    own = held_out_predictions.probabilities_of_rows(
        model.eval(), stored, np.arange(10), torch.device("cpu")
    ).mean(axis=1)
    assert own[:, 1].std() > 0.005
    return SimpleNamespace(folder=folder, model=model_folder, own=own, store=stored)


def _predict(run: SimpleNamespace, samples: Path, *options: str) -> pd.DataFrame:
    output = samples.with_suffix(".predicted.tsv")
    assert main(["predict", str(run.model), str(samples), "--output", str(output), *options]) == 0
    return pd.read_csv(output, sep="\t")


def _of_run(run: SimpleNamespace, predicted: pd.DataFrame) -> None:
    assert predicted.columns.tolist() == ["sample", "class", "probability", "distance", "note"]
    by_class = predicted.pivot_table(index="sample", columns="class", values="probability").loc[
        SAMPLES, ["a", "b"]
    ]
    np.testing.assert_allclose(by_class.to_numpy(), run.own, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["expression.h5ad", "counts.h5ad"])
def test_the_runs_own_samples_get_the_runs_probabilities(
    run: SimpleNamespace, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    predicted = _predict(run, run.folder / name)
    _of_run(run, predicted)
    assert predicted["sample"].nunique() == (11 if name == "counts.h5ad" else 10)
    assert "100 of the model's 100 genes found by id and symbol: 100.0%" in capsys.readouterr().err


@pytest.mark.slow
def test_tables_either_way_round_and_in_any_order(
    run: SimpleNamespace, counts: pd.DataFrame
) -> None:
    shuffled = counts.sample(frac=1, random_state=1).sample(frac=1, axis=1, random_state=2)
    shuffled.to_csv(run.folder / "rows.csv")
    shuffled.T.to_csv(run.folder / "columns.tsv.gz", sep="\t")
    for name in ("rows.csv", "columns.tsv.gz"):
        _of_run(run, _predict(run, run.folder / name))


def test_another_species_is_read_through_its_orthologs_and_copies_are_added(
    run: SimpleNamespace,
    counts: pd.DataFrame,
    genes: list[tuple[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    if run.store.recipe.encoding == "gene-sentence":
        pytest.skip(
            "views are drawn gene by gene in the order of the ids; the encodings by gene show what"
            " is to be shown"
        )
    human = counts.rename(columns=dict(genes))
    _h5ad(run.folder / "human.h5ad", human, organism="human")
    one_view = replace(run.store.recipe, views=1)
    content = json.loads((run.model / "labels.json").read_text())
    try:
        files.write_json(run.model / "labels.json", {**content, **vars(one_view)})
        expected, across = (
            _predict(run, run.folder / name) for name in ("counts.h5ad", "human.h5ad")
        )
    finally:
        files.write_json(run.model / "labels.json", content)
    assert "by orthologs (human to mouse)" in capsys.readouterr().err
    np.testing.assert_allclose(across["probability"], expected["probability"], atol=2e-6)


def test_the_auto_class_gives_the_same_probabilities(run: SimpleNamespace) -> None:
    """In a process of its own test_models_auto.py shows that `import epigpt` alone registers the
    class."""
    model = AutoModelForSequenceClassification.from_pretrained(run.model).eval()
    stored, lengths = run.store, run.store.lengths[:, :1]
    batch = {"input_ids": torch.from_numpy(stored.tokens[:, 0].astype(np.int64))}
    batch["attention_mask"] = torch.from_numpy(
        (np.arange(stored.tokens.shape[2]) < lengths).astype(np.int64)
    )
    if stored.values is not None:
        batch["values"] = torch.from_numpy(np.array(stored.values[:, 0]))
    with torch.inference_mode():
        scored = torch.softmax(model(**batch).logits.double(), -1).numpy()
    own = held_out_predictions.probabilities_of_rows(
        finished_model.load(run.model).model, stored, np.arange(10), torch.device("cpu")
    )[:, 0]
    np.testing.assert_allclose(scored, own, atol=1e-6)


def _refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["predict", *map(str, arguments)]) == 1
    return capsys.readouterr().err


def test_refusals(
    run: SimpleNamespace, counts: pd.DataFrame, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    few = _h5ad(tmp_path / "few.h5ad", counts.iloc[:, :40])
    said = _refusal(capsys, run.model, few)
    assert "of the model's 100 genes found" in said
    assert "--min-matched" in said
    assert "no file" in _refusal(capsys, run.model, tmp_path / "nothing.tsv")
    assert "no labels.json" not in said
    assert "no such folder" in _refusal(capsys, tmp_path / "none", few)
    np.log2(counts + 1).to_csv(tmp_path / "logged.csv")
    assert "--allow-values log" in _refusal(capsys, run.model, tmp_path / "logged.csv")
    assert list(tmp_path.glob("*.predicted.tsv")) == []


def test_few_matched_genes_are_scored_where_the_user_accepts_it(
    run: SimpleNamespace, counts: pd.DataFrame, tmp_path: Path
) -> None:
    few = _h5ad(tmp_path / "few.h5ad", counts.iloc[:, :40])
    predicted = _predict(run, few, "--min-matched", "0.1")
    np.testing.assert_allclose(predicted.groupby("sample")["probability"].sum(), 1, atol=1e-5)


def _broken(run: SimpleNamespace, folder: Path) -> Path:
    return Path(shutil.copytree(run.model, folder / "broken"))


def _edit(path: Path, **changed: object) -> None:
    content = json.loads(path.read_text())
    content.update(changed)
    path.write_text(json.dumps(content))


def _tensors(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    held = load_file(path)
    change(held)
    save_file(held, path, metadata={"format": "pt"})


def _array(path: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    with np.load(path) as stored:
        held = dict(stored)
    held[name] = change(held[name])
    np.savez(path, **held)


def _with(values: np.ndarray, at: int, value: float) -> np.ndarray:
    values = values.copy()
    values[at] = value
    return values


WEIGHTS, STATISTICS = "model.safetensors", "reference.npz"
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no head": (
        lambda at: _tensors(at / WEIGHTS, lambda held: held.pop("score.weight")),
        "lacks score.weight",
    ),
    "no block": (
        lambda at: _tensors(
            at / WEIGHTS, lambda held: held.pop("transformer.h.0.attn.c_attn.weight")
        ),
        "lacks transformer.h.0",
    ),
    "a foreign tensor": (
        lambda at: _tensors(at / WEIGHTS, lambda held: held.update(other=torch.ones(2))),
        "has other",
    ),
    "another shape": (
        lambda at: _tensors(
            at / WEIGHTS, lambda held: held.update({"score.weight": torch.ones(3, 5)})
        ),
        "another shape",
    ),
    "whole numbers for weights": (
        lambda at: _tensors(
            at / WEIGHTS,
            lambda held: held.update({"score.weight": held["score.weight"].to(torch.int32)}),
        ),
        "weights of type I32",
    ),
    "a weight that is no number": (
        lambda at: _tensors(at / WEIGHTS, lambda held: held["score.weight"].fill_(torch.nan)),
        "not finite",
    ),
    "cut weights": (
        lambda at: (at / WEIGHTS).write_bytes((at / WEIGHTS).read_bytes()[:-10]),
        "cut short",
    ),
    "no weights": (lambda at: (at / WEIGHTS).write_bytes(b""), "cannot be read"),
    "another model type": (lambda at: _edit(at / "config.json", model_type="bert"), "bert"),
    "more layers": (lambda at: _edit(at / "config.json", n_layer=10**6), "layers"),
    "another vocabulary size": (lambda at: _edit(at / "config.json", vocab_size=7), "vocab_size"),
    "swapped classes": (lambda at: _edit(at / "labels.json", classes=["b", "a"]), "classes"),
    "one class": (lambda at: _edit(at / "labels.json", classes=["a"]), "classes"),
    "a class twice": (lambda at: _edit(at / "labels.json", classes=["a", "a"]), "classes"),
    "no views": (lambda at: _edit(at / "labels.json", views=0), "encoding"),
    "an unknown encoding": (lambda at: _edit(at / "labels.json", encoding="x"), "encoding"),
    "genes out of order": (
        lambda at: _edit(
            at / "vocabulary.json",
            genes=json.loads((at / "vocabulary.json").read_text())["genes"][::-1],
        ),
        "sorted",
    ),
    "genes that are numbers": (
        lambda at: _edit(
            at / "vocabulary.json",
            genes=list(range(len(json.loads((at / "vocabulary.json").read_text())["genes"]))),
        ),
        "no texts",
    ),
    "fewer symbols": (lambda at: _edit(at / "vocabulary.json", symbols=["x"]), "symbols"),
    "no JSON": (lambda at: (at / "labels.json").write_text("{"), "JSONDecodeError"),
    "a list": (lambda at: (at / "labels.json").write_text("[]"), "list"),
    "a statistic that is no number": (
        lambda at: _array(at / STATISTICS, "centre", lambda old: _with(old, 3, np.nan)),
        "not numbers",
    ),
    "a scale of nothing": (
        lambda at: _array(at / STATISTICS, "scale", lambda old: _with(old, 3, 0.0)),
        "above 0",
    ),
    "fewer statistics": (
        lambda at: _array(at / STATISTICS, "centre", lambda old: old[:-1]),
        "of shape",
    ),
    "damaged statistics": (
        lambda at: (at / STATISTICS).write_bytes((at / STATISTICS).read_bytes()[:-40]),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("run", ["gene-values"], indirect=True)
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_model_is_refused(
    run: SimpleNamespace, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _broken(run, tmp_path)
    damage, told = DAMAGE[kind]
    damage(folder)
    said = _refusal(capsys, folder, run.folder / "counts.h5ad")
    assert told in said
    assert "Traceback" not in said
    assert "remedy" in said


def test_a_model_of_values_is_not_read_as_the_stock_class(
    run: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _broken(run, tmp_path)
    kinds = {"gpt2", "epigpt-gene-values"}
    own = json.loads((folder / "config.json").read_text())["model_type"]
    _edit(folder / "labels.json", model_type=own)
    (other,) = kinds - {own}
    _edit(folder / "config.json", model_type=other)
    assert "model_type" in _refusal(capsys, folder, run.folder / "counts.h5ad")


def test_checksums_tell_a_change_that_nothing_else_would(
    run: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _broken(run, tmp_path)
    _predict(SimpleNamespace(model=folder), run.folder / "counts.h5ad")
    assert "The model has no checksums.json" in capsys.readouterr().err
    files.write_checksums(folder, finished_fit.MODEL_FILES)
    _predict(SimpleNamespace(model=folder), run.folder / "counts.h5ad")
    assert "The model has no checksums.json" not in capsys.readouterr().err
    _tensors(folder / WEIGHTS, lambda held: held["score.weight"].mul_(0.5))
    said = _refusal(capsys, folder, run.folder / "counts.h5ad")
    assert "model.safetensors not as training wrote it" in said
    files.write_json(folder / files.CHECKSUMS, {})
    said = _refusal(capsys, folder, run.folder / "counts.h5ad")
    assert "a checksums.json without config.json, model.safetensors" in said


def test_weights_without_their_head_are_refused(
    shared: Path, run: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared / "cases" / "faults" / "predict-missing-tensor"
    assert "lacks score.weight" in _refusal(capsys, folder, run.folder / "counts.h5ad")


@pytest.mark.parametrize("cell", ["high", "NA", ""])
def test_a_table_with_a_column_that_holds_no_numbers_is_refused(
    run: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], cell: str
) -> None:
    genes = json.loads((run.model / "vocabulary.json").read_text())["genes"]
    for other, told in (("", "column"), ("\t7", "column")):
        head = "gene\tA" + ("\tB" if other else "")
        rows = [head, *(f"{gene}\t{cell}{other}" for gene in genes)]
        (tmp_path / "a.tsv").write_text("\n".join(rows) + "\n")
        if cell == "high" and other:
            continue  # a column of texts beside samples describes genes
        assert told in _refusal(capsys, run.model, tmp_path / "a.tsv")


ANSWER = {
    "series": "GSE1",
    "question": "Can 'b' be told from 'a'?",
    "short": "confounded: AUC 0.90 [0.70, 1.00] on 10 held-out samples",
    "notes": ["'date' goes with the classes."],
    "licence": "GEO restricts neither use nor distribution",
}


def test_a_model_says_where_it_comes_from_and_refuses_samples_far_beyond_its_own(
    run: SimpleNamespace,
    counts: pd.DataFrame,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    away = SimpleNamespace(model=_broken(run, tmp_path))
    files.write_json(away.model / "answer.json", {**ANSWER, "largest_distance": 30.0})
    near = _predict(away, _h5ad(tmp_path / "near.h5ad", counts))
    said = capsys.readouterr().err
    for told in ("GSE1: Can 'b' be told from 'a'?", "confounded: AUC 0.90", "GEO restricts"):
        assert told in said
    assert near["note"].isna().all()
    files.write_json(away.model / "answer.json", {**ANSWER, "largest_distance": 0.1})
    far = _h5ad(tmp_path / "far.h5ad", counts)
    assert main(["predict", str(away.model), str(far)]) == 1
    refused = capsys.readouterr().err
    assert "held-out samples of GSE1 reach 0.1" in refused
    assert "--allow-distant" in refused
    told = _predict(away, far, "--allow-distant")
    assert told["note"].str.contains("further from the training samples").all()
    np.testing.assert_allclose(told["probability"], near["probability"], atol=1e-6)
