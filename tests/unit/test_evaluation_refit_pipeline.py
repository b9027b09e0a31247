"""GPT-2 fold by fold: nothing learned from held-out samples, the same from tokens as from
expression, a null that is the whole pipeline."""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from epigpt.config.settings import Settings
from epigpt.dataset import normalization
from epigpt.dataset.count_blocks import open_observations
from epigpt.dataset.expression_data import ExpressionData
from epigpt.encoding import fold_sets, gene_statistics, token_dataset
from epigpt.errors import InputError
from epigpt.evaluation import (
    baselines,
    cross_validation,
    linear_probe,
    permutation_test,
    predictions,
    refit_pipeline,
)
from epigpt.models import choice
from epigpt.training import fit, launch, untrained
from epigpt.training.request import Request

CLASSES = ["control", "case"]
SETTINGS = choice.resolve(
    Settings(max_genes=24, vocabulary_genes=60, views=2, epochs=2, global_batch_size=4),
    choice.Devices("this machine"),
).model_dump(mode="json")
GENES, SAMPLES = 80, 12


def counts_of(seed=0):
    """Twelve samples, every second a case with some genes raised."""
    random = np.random.default_rng(seed)
    label = np.array(CLASSES * (SAMPLES // 2))
    mean = np.tile(random.gamma(2.0, 20.0, GENES), (SAMPLES, 1))
    mean[label == "case", :15] *= 4
    return random.poisson(mean), label


def write(path, counts, label):
    names = [f"S{i:02d}" for i in range(SAMPLES)]
    obs = pd.DataFrame({"sample": names, "label": label, "group": names}, index=names)
    var = pd.DataFrame(index=[f"ENSMUSG{i:011d}" for i in range(GENES)])
    matrix = scipy.sparse.csr_matrix(counts)
    anndata.AnnData(
        matrix, obs=obs, var=var, uns={"assay": "bulk"}, layers={"counts": matrix}
    ).write_h5ad(path)
    return obs.reset_index(drop=True)


@pytest.fixture
def series(tmp_path):
    """Its expression.h5ad and folds."""
    samples = write(tmp_path / "expression.h5ad", *counts_of())
    return tmp_path / "expression.h5ad", cross_validation.folds(samples, 3, 1, 1)


def artefacts(variant, expression, folds, folder):
    """Give the bytes of all that one fold's training makes: vocabulary, reference, weights or
    coefficients."""
    observations = open_observations(expression)
    held = fold_sets.in_test_set(folds, "repeat0/fold0", observations.index["sample"])
    tokens = folder / "tokens"
    token_dataset.write(tokens, observations, held, CLASSES, refit_pipeline.recipe(SETTINGS))
    made = {name: (tokens / name).read_bytes() for name in ("vocabulary.json", "reference.npz")}
    if variant == "frozen_logistic":
        made["coefficients"] = coefficients(token_dataset.load(tokens))
    else:
        launch.keep(1)
        request = Request(
            tokens=tokens,
            fit="repeat0/fold0",
            preset="tiny",
            checkpoints=folder / "steps",
            output=folder / "model",
            settings=SETTINGS,
            variant=variant,
        )
        fit.run(request, 1, logging.getLogger("quiet"))
        made["weights"] = (folder / "model" / "model.safetensors").read_bytes()
    return {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}


def coefficients(tokens):
    model = untrained.build("tiny", tokens, SETTINGS, "finetuned")
    rows = (tokens.index["set"] == "train").to_numpy()
    known = [tokens.index[name].to_numpy(dtype=str)[rows] for name in ("sample", "label", "group")]
    fitted = baselines.fit(
        "logistic_l2", ExpressionData(linear_probe.embeddings(model, tokens)[rows], *known), 1
    )
    return fitted.pipeline[-1].coef_.tobytes()


def survives_garbage(variant, folder):
    """Say whether a fold's artefacts stay the same, bit for bit, when its test samples become
    garbage under other labels."""
    counts, label = counts_of()
    samples = write(folder / "true.h5ad", counts, label)
    folds = cross_validation.folds(samples, 3, 1, 1)
    tested = samples["sample"].isin(folds.loc[folds["fold"] == 0, "sample"]).to_numpy()
    random = np.random.default_rng(9)
    spoiled, other = counts.copy(), label.copy()
    spoiled[tested] = random.negative_binomial(1, 0.002, spoiled[tested].shape)
    other[tested] = label[tested][::-1]
    write(folder / "spoiled.h5ad", spoiled, other)
    true, made = (
        artefacts(variant, folder / f"{name}.h5ad", folds, folder / name)
        for name in ("true", "spoiled")
    )
    return true == made


@pytest.mark.slow
@pytest.mark.parametrize("variant", refit_pipeline.VARIANTS)
def test_garbage_in_the_test_samples_changes_nothing_that_was_trained(variant, tmp_path):
    assert survives_garbage(variant, tmp_path)


@pytest.mark.slow
def test_genes_chosen_on_all_samples_do_not_survive_the_garbage(tmp_path, monkeypatch):
    honest = token_dataset.fit
    monkeypatch.setattr(
        token_dataset,
        "fit",
        lambda observations, training, *rest, **named: honest(
            observations, np.arange(SAMPLES), *rest, **named
        ),
    )
    assert not survives_garbage("finetuned_no_blocks", tmp_path)


@pytest.mark.slow
def test_a_reference_of_all_samples_does_not_survive_the_garbage(tmp_path, monkeypatch):
    honest = gene_statistics.fit

    def leaky(sums, columns, target):
        everyone = open_observations(
            tmp_path / ("spoiled.h5ad" if (tmp_path / "true").exists() else "true.h5ad")
        )
        blocks = (
            normalization.lognorm(counts, target)
            for _, counts in everyone.blocks(np.arange(SAMPLES))
        )
        return honest(gene_statistics.moments(blocks), columns, target)

    monkeypatch.setattr(gene_statistics, "fit", leaky)
    assert not survives_garbage("finetuned_no_blocks", tmp_path)


@pytest.mark.slow
def test_from_tokens_as_from_expression_and_every_variant_on_the_same_folds(series, tmp_path):
    expression, folds = series
    observations = open_observations(expression)
    for fold in range(3):
        held = fold_sets.in_test_set(folds, f"repeat0/fold{fold}", observations.index["sample"])
        token_dataset.write(
            tmp_path / "tokens" / f"repeat0/fold{fold}",
            observations,
            held,
            CLASSES,
            refit_pipeline.recipe(SETTINGS),
        )
    for variant in ("finetuned_no_blocks", "frozen_logistic"):
        pipeline = refit_pipeline.Pipeline("tiny", SETTINGS, variant)
        one = refit_pipeline.from_tokens(pipeline, tmp_path / "tokens", folds)
        other = refit_pipeline.from_expression(pipeline, observations, folds, CLASSES)
        pd.testing.assert_frame_equal(one, other, check_exact=True)
        assert set(one["model"]) == {variant}
        assert predictions.by_model(one, folds, CLASSES)[variant].probability.shape == (SAMPLES, 2)


@pytest.mark.slow
def test_null_of_gpt2_runs_the_pipeline_again_and_jobs_can_share_it(series):
    expression, folds = series
    pipeline = refit_pipeline.Pipeline(
        "tiny", {**SETTINGS, "epochs": 1, "views": 1}, "finetuned_no_blocks"
    )
    both, second = (
        refit_pipeline.permuted_scores(pipeline, expression, folds, CLASSES, permutations=wanted)
        for wanted in (range(2), range(1, 2))
    )
    assert list(both.columns) == permutation_test.NULL_COLUMNS
    assert sorted(set(both["permutation"])) == [0, 1]
    pd.testing.assert_frame_equal(
        both[both["permutation"] == 1].reset_index(drop=True), second, check_exact=True
    )
    assert refit_pipeline.permuted_scores(
        pipeline, expression, folds.iloc[:0], CLASSES, permutations=range(2)
    ).empty


@pytest.mark.slow
def test_permuted_labels_reach_the_training(series):
    expression, folds = series
    observations = open_observations(expression)
    pipeline = refit_pipeline.Pipeline("tiny", SETTINGS, "finetuned_no_blocks")
    names = observations.index["sample"]
    turned = dict(
        zip(
            names,
            observations.index["label"].map({"case": "control", "control": "case"}),
            strict=True,
        )
    )
    one, other = (
        refit_pipeline.from_expression(pipeline, observations, folds, CLASSES, labels)
        for labels in (None, turned)
    )
    assert (one["truth"] != other["truth"]).all()
    assert not np.allclose(one["probability"], other["probability"])


def test_a_group_on_both_sides_stops_every_later_step(series, tmp_path):
    expression, folds = series
    observations = open_observations(expression)
    pipeline = refit_pipeline.Pipeline("tiny", SETTINGS, "finetuned_no_blocks")
    crossing = folds.assign(group=["G"] * len(folds))
    for run in (
        lambda: refit_pipeline.from_expression(pipeline, observations, crossing, CLASSES),
        lambda: refit_pipeline.from_tokens(pipeline, tmp_path, crossing),
    ):
        with pytest.raises(InputError, match="group 'G' in fold 0 and"):
            run()
    held = fold_sets.in_test_set(folds, "repeat0/fold0", observations.index["sample"])
    shared = replace(observations, index=observations.index.assign(group="G"))
    with pytest.raises(InputError, match="in test and train"):
        token_dataset.write(
            Path(tmp_path) / "tokens", shared, held, CLASSES, refit_pipeline.recipe(SETTINGS)
        )
    token_dataset.write(
        Path(tmp_path) / "tokens", observations, held, CLASSES, refit_pipeline.recipe(SETTINGS)
    )
    index = Path(tmp_path) / "tokens" / "index.tsv"
    table = pd.read_csv(index, sep="\t", dtype=str)
    table.assign(group="G").to_csv(index, sep="\t", index=False)
    with pytest.raises(InputError, match="in test and train"):
        token_dataset.load(Path(tmp_path) / "tokens")


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant",
    ["finetuned", "finetuned_shuffled_genes", "finetuned_no_blocks", "finetuned_random_weights"],
)
def test_variants_take_the_step_adapt_where_the_fit_does(series, monkeypatch, variant):
    expression, folds = series
    settings = {**SETTINGS, "encoding": "gene-values"}
    one = folds[folds["fold"] == 0].assign(repeat=0)
    folds = pd.concat([one, folds[folds["fold"] != 0].assign(fold=1)])
    adapted, run = [], refit_pipeline.continued_pretraining.run

    def noted(request, *arguments):
        run(request, *arguments)
        adapted.append(
            (request.fit, request.variant, (request.output / "model.safetensors").is_file())
        )

    monkeypatch.setattr(refit_pipeline.continued_pretraining, "run", noted)
    pipeline = refit_pipeline.Pipeline("tiny", {**settings, "adapt": 1}, variant, 1)
    held = refit_pipeline.from_expression(pipeline, open_observations(expression), folds, CLASSES)
    expected = (
        []
        if variant == "finetuned_random_weights"
        else [(f"repeat0/fold{fold}", variant, True) for fold in (0, 1)]
    )
    assert adapted == expected
    plain = refit_pipeline.from_expression(
        replace(pipeline, settings=settings), open_observations(expression), folds, CLASSES
    )
    assert len(held) == len(plain)
    assert np.allclose(held["probability"], plain["probability"], atol=1e-6) == (not expected)
