"""A data set's results as an RO-Crate: what they are, from which files and by which workflow they
were made, which tools to cite."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from epigpt.provenance.citations import CITATIONS

FILE = "ro-crate-metadata.json"
# What each result file is; those that a data set lacks are left out.
DESCRIBED = {
    "report.html": ("Report", "text/html"),
    "provenance.json": (
        "Versions, settings, seeds, checksums and jobs behind the results",
        "application/json",
    ),
    "reading.json": ("Which matrix was read and why", "application/json"),
    "samples.tsv": ("Samples that were analysed", "text/tab-separated-values"),
    "counts.h5ad": ("Raw counts", "application/x-hdf5"),
    "expression.h5ad": ("Expression after quality control", "application/x-hdf5"),
    "quality.tsv": ("Quality of each sample or cell", "text/tab-separated-values"),
    "differential_expression.tsv": ("Differential expression", "text/tab-separated-values"),
    "folds.tsv": ("Fold in which each sample is tested", "text/tab-separated-values"),
    "predictions.tsv": ("Held-out probabilities", "text/tab-separated-values"),
    "metrics.tsv": ("Metrics with intervals", "text/tab-separated-values"),
    "verdict.json": ("Verdict and the figures behind it", "application/json"),
    "attributions.tsv": ("Attribution of genes", "text/tab-separated-values"),
    "markers.tsv": ("Marker sets", "text/tab-separated-values"),
    "claims.tsv": ("Claims of the paper, held against the data", "text/tab-separated-values"),
}
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"


def describe(folder: Path) -> dict[str, Any]:
    """Describe the results in `folder` as a process run crate.

    Parameters
    ----------
    folder
        A data set's folder with provenance.json and geo/manifest.tsv.

    Returns
    -------
    dict
        The content of ro-crate-metadata.json (JSON-LD).
    """
    provenance = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    row = provenance["settings"].get("row", {})
    crate = ROCrate()
    crate.name = f"EpiGPT: {folder.name}"
    crate.description = (
        f"A fine-tuned GPT-2 and its evaluation on {row.get('source', folder.name)}, with the files"
        " behind them"
    )
    crate.datePublished = provenance["created"]
    crate.root_dataset["conformsTo"] = crate.add(
        ContextEntity(crate, PROFILE, {"@type": "CreativeWork", "name": "Process Run Crate"})
    )
    software = _software(crate, provenance)
    made = [
        _file(crate, folder, name, *what)
        for name, what in DESCRIBED.items()
        if (folder / name).is_file()
    ]
    crate.add_action(
        software[0],
        identifier="#run",
        object=_sources(crate, folder / "geo" / "manifest.tsv"),
        result=made,
        properties={
            "name": f"EpiGPT run on {folder.name}",
            "endTime": provenance["created"],
            "description": json.dumps(provenance["totals"]),
        },
    )
    crate.root_dataset["mentions"] = crate.dereference("#run")
    crate.root_dataset["citation"] = [
        crate.add(
            ContextEntity(crate, f"#cite-{name}", {"@type": "ScholarlyArticle", "name": text})
        )
        for name, text in provenance["citations"].items()
        if name in CITATIONS
    ]
    described: dict[str, Any] = crate.metadata.generate()
    return described


def _software(crate: ROCrate, provenance: dict[str, Any]) -> list[ContextEntity]:
    versions = {
        "EpiGPT": provenance["epigpt"]["git"] or provenance["epigpt"]["version"],
        **provenance["packages"],
    }
    entities = [
        crate.add(
            ContextEntity(
                crate,
                f"#software-{name}",
                {"@type": "SoftwareApplication", "name": name, "softwareVersion": str(version)},
            )
        )
        for name, version in versions.items()
    ]
    entities[0]["softwareRequirements"] = entities[1:]
    return entities


def _file(crate: ROCrate, folder: Path, name: str, title: str, kind: str) -> Any:
    path = folder / name
    properties = {
        "name": title,
        "encodingFormat": kind,
        "contentSize": str(path.stat().st_size),
        "sha256": _sha256(path),
    }
    return crate.add_file(str(path), name, properties=properties)


def _sources(crate: ROCrate, manifest: Path) -> list[Any]:
    files = pd.read_csv(manifest, sep="\t", dtype=str, keep_default_na=False)
    sources = []
    for row in files.itertuples():
        name = Path(row.file).name
        told = {
            "name": name,
            "contentSize": row.bytes,
            "sha256": row.sha256,
            "dateCreated": row.time,
        }
        if row.url.startswith(("http://", "https://", "ftp://")):
            sources.append(crate.add_file(row.url, properties=told))
        else:  # a file of the user's own, or a mirror's: no address that means anything elsewhere
            sources.append(
                crate.add(
                    ContextEntity(crate, f"#source-{name}", {"@type": "CreativeWork", **told})
                )
            )
    return sources


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
