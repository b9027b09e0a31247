"""What a refusal of AnnData, of a mirror or of a file to download tells to do is done, and it
works."""

import re
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from epigpt.config.dataset_row import Row
from epigpt.dataset.count_blocks import open_observations
from epigpt.dataset.in_memory import of_anndata
from epigpt.dataset.reading import read_dataset
from epigpt.errors import InputError
from epigpt.geo import addresses
from epigpt.matrices.streams import Budget
from mouse_series import ENSEMBL

COUNTS = np.random.default_rng(4).negative_binomial(2, 0.01, (8, len(ENSEMBL))).astype(float)
SAMPLES = [f"m{number}" for number in range(8)]


def adata(**layers: np.ndarray) -> anndata.AnnData:
    obs = pd.DataFrame({"genotype": ["WT", "KO"] * 4}, index=SAMPLES)
    return anndata.AnnData(
        scipy.sparse.csr_matrix(COUNTS), obs, pd.DataFrame(index=ENSEMBL), layers=layers
    )


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(InputError) as refusal:
        action()
    return refusal.value.remedy


def read(path: Path, allowed: frozenset[str] = frozenset(), **cells: str) -> anndata.AnnData:
    row = Row("a", str(path), label="genotype", **cells)
    return read_dataset(row, [path], allowed, Budget(1e9))[1]


@pytest.mark.parametrize("axis", ["obs", "var"])
@pytest.mark.filterwarnings("ignore:.*names are not unique")
def test_names_twice_are_made_unique(axis: str) -> None:
    data = adata()
    names = getattr(data, f"{axis}_names").tolist()
    setattr(data, f"{axis}_names", [names[1], *names[1:]])
    remedy = refused(lambda: of_anndata(data))
    assert f"adata.{axis}_names_make_unique()" in remedy
    getattr(data, f"{axis}_names_make_unique")()
    assert of_anndata(data).counts.shape == COUNTS.shape


def test_values_that_are_not_counts_give_way_to_a_layer_of_counts() -> None:
    data = adata()
    data.X = data.X / 3
    assert refused(lambda: of_anndata(data)) == "put the counts into adata.layers['counts']"
    data.layers["counts"] = scipy.sparse.csr_matrix(COUNTS)
    assert of_anndata(data).counts.sum() == COUNTS.sum()


def test_an_assay_is_one_of_those_listed_or_found_out() -> None:
    data = adata()
    data.uns["assay"] = "microarray"
    remedy = refused(lambda: of_anndata(data))
    listed = re.search(r"one of ([\w, ]+), or remove it", remedy)
    assert listed
    for assay in listed[1].split(", "):
        data.uns["assay"] = assay
        of_anndata(data)
    del data.uns["assay"]
    of_anndata(data)


@pytest.mark.parametrize("place", ["X", "layers['counts']"])
def test_counts_stored_by_gene_are_stored_by_observation(tmp_path: Path, place: str) -> None:
    data, path = adata(), tmp_path / "counts.h5ad"
    by_gene = scipy.sparse.csc_matrix(COUNTS)
    if place == "X":
        data.X = by_gene
    else:
        data.layers["counts"] = by_gene
    data.write_h5ad(path)
    remedy = refused(lambda: open_observations(path))
    assert f"adata.{place} = scipy.sparse.csr_matrix(adata.{place})" in remedy
    exec(remedy.partition(": ")[2], {"adata": data, "scipy": scipy})  # noqa: S102 - the remedy
    data.write_h5ad(path)
    assert len(open_observations(path).genes) == len(ENSEMBL)


def test_values_of_an_h5ad_file_are_accepted_or_replaced_by_counts(tmp_path: Path) -> None:
    data, path = adata(), tmp_path / "tpm.h5ad"
    data.X = scipy.sparse.csr_matrix(COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e6)
    data.write_h5ad(path)
    remedy = refused(lambda: read(path))
    accepted = re.search(r"--config allow_values='\[(\w+)\]'", remedy)
    assert accepted
    read(path, frozenset({accepted[1]}))
    assert "layers['counts']" in remedy
    data.layers["counts"] = scipy.sparse.csr_matrix(COUNTS)
    data.write_h5ad(path)
    assert read(path).X.sum() == COUNTS.sum()


@pytest.mark.filterwarnings("ignore:.*names are not unique")
def test_a_bulk_sample_twice_gets_a_name_of_its_own(tmp_path: Path) -> None:
    data, path = adata(), tmp_path / "twice.h5ad"
    data.obs_names = [SAMPLES[0], *SAMPLES[:-1]]
    data.write_h5ad(path)
    assert "`adata.obs_names_make_unique()`" in refused(lambda: read(path))
    data.obs_names_make_unique()
    data.write_h5ad(path)
    assert read(path).n_obs == len(SAMPLES)


def test_a_limit_that_is_raised_lets_a_trusted_file_in(tmp_path: Path) -> None:
    path = tmp_path / "counts.h5ad"
    adata().write_h5ad(path)
    row = Row("a", str(path), label="genotype")
    remedy = refused(lambda: read_dataset(row, [path], frozenset(), Budget.of_gigabytes(1e-7)))
    assert "raise `geo.max_unpacked_gb`" in remedy
    read_dataset(row, [path], frozenset(), Budget.of_gigabytes(1e-3))


@pytest.mark.parametrize("text", ["GSM123", "GSE", "series 5"])
def test_the_accession_that_a_message_gives_is_one(text: str) -> None:
    remedy = refused(lambda: addresses.accession(text))
    example = remedy.rpartition(" ")[2]
    assert addresses.accession(example) == example


@pytest.mark.parametrize(
    "address", ["ftp://example.org", "file://./mirror", "https://example.org?x=1", "https://"]
)
def test_the_forms_of_an_address_that_a_message_gives_are_taken(address: str) -> None:
    remedy = refused(lambda: addresses.base_address(address))
    forms = re.findall(r"[a-z]+://[^, ]*", remedy)
    assert len(forms) == 3
    for form in forms:
        addresses.base_address(form.replace("…", "example.org"))
