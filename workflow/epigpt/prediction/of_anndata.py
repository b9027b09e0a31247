"""The public functions `encode`, `load_model` and `predict`: AnnData in, AnnData out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse
from anndata import AnnData

from epigpt.config.settings import Settings
from epigpt.dataset import in_memory
from epigpt.encoding import token_dataset
from epigpt.encoding.encoders import find
from epigpt.errors import InputError
from epigpt.matrices.values import Values
from epigpt.prediction import finished_model, gene_matching, new_samples
from epigpt.prediction.finished_model import Finished

_DEFAULTS = Settings()


def encode(
    adata: AnnData,
    *,
    encoding: str = _DEFAULTS.encoding,
    gene_selection: str = _DEFAULTS.gene_selection,
    max_genes: int = _DEFAULTS.max_genes,
    vocabulary_genes: int = _DEFAULTS.vocabulary_genes,
    training: str | Sequence[bool] | np.ndarray | None = None,
    seed: int = _DEFAULTS.seed,
) -> AnnData:
    """Encode samples or cells as sequences of gene tokens.

    Vocabulary and reference are fitted on the training observations alone, so that tokens of the
    others can be used to test a model.

    Parameters
    ----------
    adata
        Observations × genes with raw counts in `layers["counts"]`, else in `X`. `obs["sample"]`,
        `var["symbol"]`, `uns["assay"]` and `uns["organism"]` are used where they are there.
    encoding
        `program-tokens`, `gene-values`, `gene-tokens` or `gene-sentence`, as the key `encoding`.
    gene_selection
        `deviation`, `label` or `both`, as the key. Labels are `obs["label"]`, donors
        `obs["group"]`, of the training observations; without labels deviations decide.
    max_genes
        Tokens per sequence at most: genes, or programs.
    vocabulary_genes
        Genes of the vocabulary: those that vary most over the training observations, and those that
        the labels choose.
    training
        Observations that vocabulary and reference are fitted on: one truth value each, or the name
        of a column of `obs` that holds them. None: all.
    seed
        Recorded; the sequence of an observation itself draws nothing.

    Returns
    -------
    anndata.AnnData
        A copy of `adata` with

        - `obsm["tokens"]`: int32, observations × width, padded on the right,
        - `obsm["values"]`: float32, likewise, the deviation of each gene from the reference,
          or the score of each program (encodings with values only),
        - `obs["n_tokens"]`: tokens before the padding,
        - `uns["tokens"]`: the parameters, and the vocabulary's `genes` and `symbols`.

    Raises
    ------
    InputError
        Values that are not counts, a name that occurs twice, an unknown encoding, or training
        observations that are not named one by one.

    Examples
    --------
    >>> import anndata, numpy as np, epigpt
    >>> counts = np.random.default_rng(0).poisson(20, (6, 40)).astype(np.float32)
    >>> adata = anndata.AnnData(counts)
    >>> adata.var_names = [f"Gene{number:02d}" for number in range(40)]
    >>> encoded = epigpt.encode(adata, max_genes=8, vocabulary_genes=20)
    >>> encoded.obsm["tokens"].shape
    (6, 8)
    >>> len(encoded.uns["tokens"]["genes"])
    20
    """
    encoder = find(encoding)
    data = in_memory.of_anndata(adata)
    recipe = token_dataset.EncodingConfig(
        encoding, max_genes, vocabulary_genes, 1, seed, gene_selection=gene_selection
    )
    rows = adata.obs_names.get_indexer(data.index["observation"])
    known = {
        name: adata.obs[name].astype(str).to_numpy()[rows]
        for name in ("label", "group")
        if name in adata.obs
    }
    data = replace(data, index=data.index.assign(**known))
    chosen = np.flatnonzero(_training(adata, training)[rows])
    # No classes: no model will begin as a linear classifier of these programs.
    vocabulary, reference = token_dataset.fit(data, chosen, token_dataset.wanted(recipe, []))
    encoded = adata.copy()
    width = encoder.width(vocabulary, max_genes)
    tokens = np.zeros((adata.n_obs, width), dtype=np.int32)
    values = np.zeros((adata.n_obs, width), dtype=np.float32)
    lengths = np.zeros(adata.n_obs, dtype=np.int32)
    every = np.arange(adata.n_obs)
    for positions, _, block in token_dataset.encode(data, every, vocabulary, reference, recipe):
        tokens[rows[positions]], lengths[rows[positions]] = block.tokens, block.lengths
        if block.values is not None:
            values[rows[positions]] = block.values
    encoded.obsm["tokens"] = tokens
    if encoder.has_values:
        encoded.obsm["values"] = values
    encoded.obs["n_tokens"] = lengths
    encoded.uns["tokens"] = {
        "encoding": encoding,
        "gene_selection": gene_selection,
        "max_genes": max_genes,
        "vocabulary_genes": vocabulary_genes,
        "seed": seed,
        "organism": vocabulary.organism,
        "genes": list(vocabulary.genes),
        "symbols": list(vocabulary.symbols),
    }
    return encoded


def _training(adata: AnnData, training: str | Sequence[bool] | np.ndarray | None) -> np.ndarray:
    if training is None:
        return np.ones(adata.n_obs, dtype=bool)
    if isinstance(training, str) and training not in adata.obs:
        raise InputError(
            found=f"no column {training!r}",
            where="adata.obs",
            why="it was to name the training observations",
            remedy=f"name one of: {', '.join(map(str, adata.obs.columns)) or '(no columns)'}",
        )
    given = np.asarray(adata.obs[training] if isinstance(training, str) else training)
    if given.shape != (adata.n_obs,) or given.dtype != bool or not given.any():
        raise InputError(
            found=f"{given.dtype} of shape {given.shape}, {np.count_nonzero(given)} of them true",
            where="argument training",
            why=f"{adata.n_obs} observations need one truth value each, at least one of them true",
            remedy="give a boolean array or the name of a boolean column of adata.obs",
        )
    return given


def load_model(folder: str | Path) -> Finished:
    """Open a fine-tuned model, on a GPU where there is one.

    Parameters
    ----------
    folder
        `results/{dataset}/models/{preset}/final`, or the folder of a fold.

    Returns
    -------
    epigpt.prediction.finished_model.Finished
        The model with all that new samples are encoded by: `model` (a transformers model),
        `vocabulary`, `reference`, `recipe`, `classes`.

    Raises
    ------
    InputError
        A file of the model is missing.

    Examples
    --------
    >>> import epigpt
    >>> folder = epigpt.load_results("results/airway").model_folder()
    >>> epigpt.load_model(folder).classes
    ['untreated', 'dexamethasone']
    """
    return finished_model.load(Path(folder))


def predict(
    model: Finished,
    adata: AnnData,
    *,
    organism: str = "auto",
    min_matched: float = 0.5,
    allow_distant: bool = False,
) -> AnnData:
    """Score samples or cells with a finished model.

    Genes are matched by id, then by symbol, between species by ortholog.

    Parameters
    ----------
    model
        What `load_model` returned.
    adata
        Observations × genes with raw counts in `layers["counts"]`, else in `X`. Observations with
        the same `obs["sample"]` are cells of one sample and share its probabilities.
    organism
        human, mouse, rat or zebrafish; "auto": `uns["organism"]`, else what the genes are named
        like, else the model's.
    min_matched
        Least share of the model's genes that must be found, 0 to 1.
    allow_distant
        Score samples that lie far beyond the model's own series, such as those of another tissue.

    Returns
    -------
    anndata.AnnData
        A copy of `adata` with `obsm["probability"]` (a column per class, rows sum to 1),
        `obs["predicted"]` (the likeliest class), `obs["distance"]` (from the training samples)
        and `uns["predicted"]` (which genes matched, and the answer of the model's series).

    Raises
    ------
    InputError
        Values that are not counts, names that occur twice, too few genes that the model knows, or
        samples far beyond the model's own.

    Examples
    --------
    >>> import epigpt
    >>> results = epigpt.load_results("results/airway")
    >>> model = epigpt.load_model(results.model_folder())
    >>> scored = epigpt.predict(model, results.counts)
    >>> list(scored.obsm["probability"].columns)
    ['untreated', 'dexamethasone']
    """
    data = in_memory.of_anndata(adata)
    values = Values(
        scipy.sparse.csr_array(data.counts),
        data.index["observation"].tolist(),
        data.genes.tolist(),
        data.symbols.tolist(),
    )
    said = {"organism": data.organism} if data.organism != "unknown" else {}
    sample = data.index["sample"].tolist()
    samples = new_samples.of_values(
        values, sample, said, model.vocabulary, where="adata", organism=organism
    )
    samples, matched = gene_matching.matched(samples, model.vocabulary, min_matched)
    samples = model.as_fitted(samples)
    distances = model.distances(samples)
    if not allow_distant:
        model.home.refuse_distant(
            distances, "adata", "check tissue and units, or accept it by allow_distant=True"
        )
    scored = model.score(samples).pivot_table(
        index="sample", columns="class", values="probability", sort=False, observed=True
    )[model.classes]
    of_row = pd.Series(data.index["sample"].to_numpy(), index=data.index["observation"])
    rows = scored.loc[of_row.loc[adata.obs_names]].set_axis(adata.obs_names, axis=0)
    rows.columns = pd.Index(model.classes)
    result = adata.copy()
    result.obsm["probability"] = rows
    result.obs["predicted"] = pd.Categorical(rows.idxmax(axis=1), categories=model.classes)
    result.obs["distance"] = distances.loc[of_row.loc[adata.obs_names]].to_numpy()
    result.uns["predicted"] = {
        "matched": matched,
        "classes": model.classes,
        "answer": {key: str(value) for key, value in model.home.told.items()},
    }
    return result
