"""Counts of DEE2 (Digital Expression Explorer 2), which counts public runs of RNA sequencing anew,
for species without counts of NCBI's own.

Layout of its server, and of a mirror of it: `metadata/SPECIES_metadata.tsv.cut` lists every run
with its series, `cgi-bin/request.sh?org=SPECIES&x=RUN&x=RUN` answers a zip of their counts. A
mirror of files (`file://`) has the bundles of whole studies instead, `huge/SPECIES/SRP_GSE.zip`.
"""

import gzip
import hashlib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from epigpt import files
from epigpt.geo.record import SAMPLE_ID
from epigpt.geo.survey import DENIED_OR_ABSENT, Part, Session
from epigpt.transport.local_files import local_path
from epigpt.transport.resume import Fetched

# Taxon or Latin name → DEE2's name of the species.
SPECIES = {
    "9606": "hsapiens",
    "homo sapiens": "hsapiens",
    "10090": "mmusculus",
    "mus musculus": "mmusculus",
    "10116": "rnorvegicus",
    "rattus norvegicus": "rnorvegicus",
    "7955": "drerio",
    "danio rerio": "drerio",
    "6239": "celegans",
    "caenorhabditis elegans": "celegans",
    "7227": "dmelanogaster",
    "drosophila melanogaster": "dmelanogaster",
    "4932": "scerevisiae",
    "saccharomyces cerevisiae": "scerevisiae",
    "3702": "athaliana",
    "arabidopsis thaliana": "athaliana",
}
RUN_COLUMNS = ("run", "experiment", "sample", "quality")
# A request names its runs in its address, whose length servers limit.
_RUNS_AT_ONCE = 100
_EXPERIMENT = re.compile(r"(?<![A-Za-z0-9])[SED]RX\d+(?!\d)")


def counts_name(accession: str, species: str, number: int) -> str:
    """Name the file of a request's answer."""
    return f"{accession}_dee2_{species}_{number}.zip"


def fetch(opened: Session, part: Part, base: str, log: logging.Logger) -> list[Fetched]:
    """Fetch the counts of a series' runs and the list that says which sample each run is of.

    Parameters
    ----------
    opened
        A download.
    part
        A series whose record is here.
    base
        DEE2's address or that of a mirror.
    log
        Says what is found, and what is not.

    Returns
    -------
    list of Fetched
        Lines of the manifest; empty where DEE2 has none of the runs.
    """
    base = base.rstrip("/")
    lines: list[Fetched] = []
    for taxon in part.header.taxa:
        species = SPECIES.get(taxon.casefold())
        if species is None or not part.header.is_sequencing:
            continue
        runs = _listed(opened, part, base, species)
        if not runs:
            log.info("%s: DEE2 has no counts of it (%s)", part.series.accession, species)
            continue
        listed, studies = runs
        addresses = _addresses(part.series.accession, base, species, listed, studies)
        answers = [
            opened.fetch(
                part.series,
                address,
                part.folder / counts_name(part.series.accession, species, number),
                DENIED_OR_ABSENT,
                page_means_absent=True,
            )
            for number, address in enumerate(addresses, start=1)
        ]
        lines += [line for line in answers if line is not None]
        lines.append(_write_runs(opened, part, f"{base}/metadata", species, listed))
        log.info("%s: DEE2 has counted %d of its runs", part.series.accession, len(listed))
    return lines if any(line.file.endswith(".zip") for line in lines) else []


def _listed(
    opened: Session, part: Part, base: str, species: str
) -> tuple[list[dict[str, str]], list[str]] | None:
    """Find the series' runs in the species' list; give them by experiment, and their studies."""
    name = f"{species}_metadata.tsv.cut"
    target = part.folder / name
    line = opened.fetch(
        part.series, f"{base}/metadata/{name}", target, DENIED_OR_ABSENT, page_means_absent=True
    )
    if line is None:
        return None
    owners = samples_of_experiments([opened.folder / record.file for record in part.record])
    runs: list[dict[str, str]] = []
    studies: dict[str, None] = {}
    with target.open(encoding="utf-8", errors="replace") as table:
        header = [cell.strip().strip('"') for cell in table.readline().rstrip("\n").split("\t")]
        for text in table:
            cells = [cell.strip().strip('"') for cell in text.rstrip("\n").split("\t")]
            row = dict(zip(header, cells, strict=False))
            experiment = row.get("SRX_accession", "")
            # Older lists name the sample in a column of its own or in the experiment's title.
            tags = SAMPLE_ID.findall(text) if "GSM" in text else []
            sample = owners.get(experiment) or next((tag for tag in tags if tag in owners), "")
            if not sample or not row.get("SRR_accession"):
                continue
            studies.setdefault(row.get("SRP_accession", ""))
            runs.append(
                {
                    "run": row["SRR_accession"],
                    "experiment": experiment,
                    "sample": sample,
                    "quality": row.get("QC_summary", ""),
                }
            )
    target.unlink()  # the list of all runs of a species: megabytes of which a few lines are kept
    runs.sort(key=lambda run: (run["sample"], run["run"]))
    return (runs, sorted(filter(None, studies))) if runs else None


def samples_of_experiments(records: Iterable[Path]) -> dict[str, str]:
    """Return experiment (SRX) → sample (GSM) of a record; a sample without a known experiment
    stands for itself.

    SOFT files name the experiment in a line below each sample, series matrices in a row of cells.
    """
    sample_of: dict[str, str] = {}
    for record in records:
        sample, columns = "", []
        with gzip.open(record, "rt", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                lowered = line[:40].lower()
                if lowered.startswith(("!series_matrix_table_begin", "!sample_table_begin")):
                    continue
                if lowered.startswith("^sample"):
                    sample = next(iter(SAMPLE_ID.findall(line)), "")
                    if sample:
                        sample_of.setdefault(sample, sample)
                elif lowered.startswith("!sample_geo_accession\t"):
                    columns = SAMPLE_ID.findall(line)
                    sample_of.update({one: one for one in columns})
                elif lowered.startswith("!sample_relation\t"):
                    cells = line.rstrip("\n").split("\t")[1:]
                    for one, cell in zip(columns, cells, strict=False):
                        sample_of.update(dict.fromkeys(_EXPERIMENT.findall(cell), one))
                elif lowered.startswith("!sample_relation") and sample:
                    sample_of.update(dict.fromkeys(_EXPERIMENT.findall(line), sample))
    return sample_of


def _addresses(
    accession: str,
    base: str,
    species: str,
    runs: Sequence[Mapping[str, str]],
    studies: Sequence[str],
) -> list[str]:
    """Return the requests that answer the runs' counts, or the bundles of a mirror of files."""
    if base.startswith("file:"):
        folder = f"{base}/huge/{species}"
        named = [
            f"{folder}/{study}_{owner}.zip" for study in studies for owner in (accession, "NA")
        ]
        return [address for address in named if local_path(address).is_file()]
    return [
        f"{base}/cgi-bin/request.sh?"
        + urlencode([("org", species), *(("x", run["run"]) for run in some)])
        for some in _parted(runs)
    ]


def _parted(runs: Sequence[Mapping[str, str]]) -> list[list[Mapping[str, str]]]:
    """Part runs into requests; those of one sample stay together, so that they can be added."""
    parts: list[list[Mapping[str, str]]] = [[]]
    for place, run in enumerate(runs):
        begins = place == 0 or runs[place - 1]["sample"] != run["sample"]
        if begins and len(parts[-1]) >= _RUNS_AT_ONCE:
            parts.append([])
        parts[-1].append(run)
    return [some for some in parts if some]


def _write_runs(
    opened: Session, part: Part, url: str, species: str, runs: Sequence[Mapping[str, str]]
) -> Fetched:
    text = "\n".join(
        ["\t".join(RUN_COLUMNS), *("\t".join(run[key] for key in RUN_COLUMNS) for run in runs)]
    )
    target = part.folder / f"{part.series.accession}_dee2_{species}_runs.tsv"
    files.write_text(target, text + "\n")
    content = target.read_bytes()
    return Fetched(
        target.relative_to(opened.folder).as_posix(),
        f"{url}/{species}_metadata.tsv.cut",
        len(content),
        hashlib.sha256(content).hexdigest(),
        datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
