"""Write a simulated series as GEO would hold it: SOFT record and supplementary counts, marked as
simulated in every place.

The truth lies beside `suppl/`, never in it, so that no reader takes it for a count table.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from epigpt import files
from epigpt.geo.addresses import stub

PLATFORM = "GPL9000001"
TITLE = "SIMULATED series: mouse hippocampus in an induced epilepsy, with a planted truth"
SUMMARY = (
    "SIMULATED data: no animal, no sequencing. Negative binomial counts drawn by `epigpt simulate`"
    " (EpiGPT). The names of the genes are real, the counts are not, and the accession is made up."
)


def write_series(
    folder: Path,
    accession: str,
    counts: pd.DataFrame,
    samples: pd.DataFrame,
    truth: pd.DataFrame,
    *,
    design: str,
) -> list[Path]:
    """Write `series/<stub>/<accession>/` under `folder`: the record, the counts, and the truth
    beside them.

    Parameters
    ----------
    folder
        Root of the mirror.
    accession
        Of the series.
    counts
        Genes × samples.
    samples
        One row per sample with `title`; every other column is a characteristic. Index as the
        columns of `counts`.
    truth
        One row per gene.
    design
        One line on how the counts were drawn.

    Returns
    -------
    list of Path
        The files, in the order written.
    """
    root = folder / "series" / stub(accession) / accession
    record = root / "soft" / f"{accession}_family.soft.gz"
    table = root / "suppl" / f"{accession}_counts.csv.gz"
    _write_gzip(table, counts.to_csv(lineterminator="\n"))
    _write_gzip(record, "".join(f"{line}\n" for line in _soft(accession, samples, design)))
    files.write_tsv(root / f"{accession}_truth.tsv", truth)
    return [record, table, root / f"{accession}_truth.tsv"]


def write_tables(
    folder: Path, counts: pd.DataFrame, samples: pd.DataFrame, truth: pd.DataFrame
) -> list[Path]:
    """Write counts.tsv.gz, samples.tsv (a sample sheet) and truth.tsv, for a row of datasets.tsv
    with a local source."""
    _write_gzip(folder / "counts.tsv.gz", counts.to_csv(sep="\t", lineterminator="\n"))
    files.write_tsv(
        folder / "samples.tsv",
        samples.rename_axis("sample").reset_index().assign(origin="SIMULATED"),
    )
    files.write_tsv(folder / "truth.tsv", truth)
    return [folder / name for name in ("counts.tsv.gz", "samples.tsv", "truth.tsv")]


def _write_gzip(final: Path, text: str) -> None:
    with files.path(final) as temporary:
        # Without a time stamp: the same series gives the same bytes.
        temporary.write_bytes(gzip.compress(text.encode("utf-8"), compresslevel=9, mtime=0))


def _soft(accession: str, samples: pd.DataFrame, design: str) -> Iterator[str]:
    address = f"ftp://ftp.ncbi.nlm.nih.gov/geo/series/{stub(accession)}/{accession}/suppl/{accession}_counts.csv.gz"
    yield "^DATABASE = GeoMiame"
    yield "!Database_name = Gene Expression Omnibus (GEO), layout only: a simulated record"
    yield f"^SERIES = {accession}"
    yield f"!Series_title = {TITLE}"
    yield f"!Series_geo_accession = {accession}"
    yield "!Series_status = Simulated, never submitted to GEO"
    yield f"!Series_summary = {SUMMARY}"
    yield f"!Series_overall_design = {design}"
    yield "!Series_type = Expression profiling by high throughput sequencing"
    for sample in samples.index:
        yield f"!Series_sample_id = {sample}"
    yield f"!Series_supplementary_file = {address}"
    yield f"!Series_platform_id = {PLATFORM}"
    yield f"^PLATFORM = {PLATFORM}"
    yield "!Platform_title = SIMULATED sequencer (Mus musculus)"
    yield f"!Platform_geo_accession = {PLATFORM}"
    yield "!Platform_technology = high-throughput sequencing"
    yield "!Platform_organism = Mus musculus"
    yield "!Platform_taxid = 10090"
    for sample, row in samples.iterrows():
        yield from _sample(str(sample), row, accession)


def _sample(sample: str, row: pd.Series, accession: str) -> Iterator[str]:
    yield f"^SAMPLE = {sample}"
    yield f"!Sample_title = {row['title']} (SIMULATED)"
    yield f"!Sample_geo_accession = {sample}"
    yield "!Sample_type = SRA"
    yield "!Sample_channel_count = 1"
    yield f"!Sample_source_name_ch1 = {row['tissue']}"
    yield "!Sample_organism_ch1 = Mus musculus"
    yield "!Sample_taxid_ch1 = 10090"
    for key in row.index.drop("title"):
        yield f"!Sample_characteristics_ch1 = {key}: {row[key]}"
    yield "!Sample_molecule_ch1 = total RNA"
    yield "!Sample_description = SIMULATED counts, no biological material"
    yield f"!Sample_platform_id = {PLATFORM}"
    yield "!Sample_library_source = transcriptomic"
    yield "!Sample_library_strategy = RNA-Seq"
    yield f"!Sample_series_id = {accession}"
    yield "!Sample_data_row_count = 0"
