"""Time of reading a SOFT file of 5,000 samples against GEOparse, which must find the same. Run by
`make bench`."""

import gzip
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from epigpt.geo import soft

SAMPLES = 5_000
BOUND = 5.0
PROTOCOL = "Tissue was lysed, RNA extracted and libraries prepared as the manufacturer says. " * 4


def record() -> str:
    """Give the text of a record as sequencing series have them, the characteristics in another
    order for each sample."""
    shuffle = random.Random(0)
    lines = [
        "^DATABASE = GeoMiame",
        "^SERIES = GSE1",
        "!Series_title = Large",
        "!Series_geo_accession = GSE1",
    ]
    lines += ["!Series_type = Expression profiling by high throughput sequencing"]
    lines += [f"!Series_sample_id = GSM{number}" for number in range(SAMPLES)]
    for number in range(SAMPLES):
        traits = [
            f"tissue: {('cortex', 'hippocampus')[number % 2]}",
            f"age: {number % 90}",
            f"sex: {'MF'[number % 2]}",
        ]
        traits += [
            f"donor: d{number // 4}",
            "strain: C57BL/6",
            f"genotype: {('WT', 'KO')[number % 3 // 2]}",
        ]
        shuffle.shuffle(traits)
        lines += [
            f"^SAMPLE = GSM{number}",
            f"!Sample_title = sample {number}",
            f"!Sample_geo_accession = GSM{number}",
        ]
        lines += [
            "!Sample_status = Public on Jan 01 2024",
            "!Sample_type = SRA",
            "!Sample_source_name_ch1 = brain",
        ]
        lines += ["!Sample_organism_ch1 = Mus musculus", "!Sample_taxid_ch1 = 10090"]
        lines += [f"!Sample_characteristics_ch1 = {text}" for text in traits]
        lines += [
            f"!Sample_{key}_protocol_ch1 = {PROTOCOL}" for key in ("treatment", "growth", "extract")
        ]
        lines += [f"!Sample_data_processing = {PROTOCOL}"] * 3
        lines += [
            f"!Sample_contact_{key} = somebody"
            for key in ("name", "institute", "address", "city", "country")
        ]
        lines += [
            "!Sample_library_strategy = RNA-Seq",
            "!Sample_library_source = transcriptomic",
            "!Sample_platform_id = GPL1",
        ]
        lines += ["!Sample_data_row_count = 0"]
    return "\n".join(lines) + "\n"


def timed(repeats: int, action: Callable[[], Any]) -> tuple[float, Any]:
    """Give the shortest of several processor times (other programs may run beside it) and the last
    result."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        result = action()
        times.append(time.process_time() - began)
    return min(times), result


def main() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import GEOparse
    GEOparse.logger.set_verbosity("ERROR")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "GSE1_family.soft.gz"
        path.write_bytes(gzip.compress(record().encode(), 6))
        ours, series = timed(3, lambda: soft.read_soft(path))
        theirs, parsed = timed(1, lambda: GEOparse.get_GEO(filepath=str(path), silent=True))
    same = list(parsed.gsms) == series.samples.index.tolist() and all(
        sorted(gsm.metadata["characteristics_ch1"])
        == sorted(f"{key}: {value}" for key, value in series.characteristics.loc[name].items())
        for name, gsm in parsed.gsms.items()
    )
    print(
        f"SOFT of {SAMPLES} samples: EpiGPT {ours:.2f} s, GEOparse {theirs:.2f} s ="
        f" {theirs / ours:.1f} x faster (bound {BOUND:g})"
    )
    print(f"  samples and characteristics are {'the same' if same else 'NOT the same'}")
    return 0 if same and theirs / ours >= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())
