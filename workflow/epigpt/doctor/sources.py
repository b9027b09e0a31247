"""What a run needs from elsewhere: GEO's server and pretrained weights."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx

from epigpt.config.settings import Settings
from epigpt.doctor.finding import Finding
from epigpt.errors import InputError
from epigpt.models import presets, published


def look(settings: Settings) -> list[Finding]:
    """Ask for GEO's address and for the weights; fetches nothing."""
    return [_geo(settings.geo.base_url), _weights(settings.weights)]


def _geo(base_url: str) -> Finding:
    if base_url.startswith("file://"):
        folder = Path(unquote(urlsplit(base_url).path))
        if (folder / "series").is_dir():
            return Finding("GEO", "ok", f"mirror at {folder}")
        return Finding(
            "GEO",
            "problem",
            f"no folder {folder / 'series'}",
            "set 'geo.base_url' to a mirror laid out as GEO's server",
        )
    try:
        answer = httpx.head(f"{base_url.rstrip('/')}/series/", timeout=10, follow_redirects=True)
    except httpx.HTTPError as error:
        # Compute nodes rarely have a network, which is no fault: the files are fetched on the login
        # node.
        return Finding(
            "GEO",
            "warning",
            f"{base_url}: {error}",
            "download where there is a network, or set 'geo.base_url' to a mirror",
        )
    found = f"{base_url} answers {answer.status_code}"
    return (
        Finding("GEO", "ok", found)
        if answer.status_code < 400
        else Finding("GEO", "warning", found, "check 'geo.base_url'")
    )


def _weights(weights: str) -> Finding:
    if weights == "none":
        return Finding("weights", "ok", "none wanted: models start from random weights")
    if weights in ("auto", "preset"):
        return Finding(
            "weights",
            "ok",
            "those of the model's preset; `snakemake fetch` brings them from the model hub",
        )
    try:
        # Which preset it is counts for the words above alone.
        found = published.source(weights, presets.load("tiny"), corpus="corpus")
    except InputError as error:
        return Finding("weights", "problem", error.found, error.remedy)
    if found is None or found.folder is not None:
        return Finding("weights", "ok", f"local folder {weights}")
    if found.corpus:
        return Finding("weights", "ok", "learnt in the run from the series of the key `corpus`")
    return Finding(
        "weights",
        "warning",
        f"'{weights}' lies on the model hub",
        "jobs run offline: `snakemake fetch` brings them where there is a network",
    )
