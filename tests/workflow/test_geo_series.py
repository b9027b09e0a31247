"""Series like those of the default table, laid out as on GEO's server: `label: auto` decides, and the
rows that it prints run."""

import io
import json
import tarfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from geo_series import Made, Sample

pytestmark = pytest.mark.slow

GENES = 300


def mouse(diets: bool) -> tuple[Made, pd.DataFrame, str]:
    """Knockout and wild type, on one diet or two; the table as R writes it: Ensembl ids first,
    symbols last, names mangled.

    Gives the series, the counts (genes × samples) and the table.
    """
    design = [
        (diet, genotype, n)
        for diet in (("KD", "SD") if diets else ("KD",))
        for genotype in ("KO", "WT")
        for n in (1, 2, 3, 4)
    ]
    samples = [
        Sample(
            f"GSM82{place:05d}",
            f"Hip-{diet} {genotype} {n}",
            (f"genotype: {genotype}", f"diet: {diet}", "tissue: hippocampus")[
                :: (-1, 1)[place % 2]
            ],
            lines={"description": "raw counts in GSE264537_raw_counts.csv"},
        )
        for place, (diet, genotype, n) in enumerate(design)
    ]
    counts = np.random.default_rng(1).negative_binomial(2, 0.01, size=(GENES, len(samples)))
    frame = pd.DataFrame(
        counts,
        [f"ENSMUSG{n:011d}" for n in range(1, GENES + 1)],
        [sample.accession for sample in samples],
    )
    mangled = [f"Hip.{diet}.{genotype}.{n}" for diet, genotype, n in design]
    lines = [",".join(f'"{cell}"' for cell in ("ID", *mangled, "Gene.name"))]
    lines += [
        ",".join([f'"{gene}"', *map(str, row), f'"Gene{n}"'])
        for n, (gene, row) in enumerate(zip(frame.index, counts, strict=True))
    ]
    return Made("GSE264537", samples, title="Ketogenic diet"), frame, "\n".join(lines) + "\n"


def zebrafish() -> tuple[Made, pd.DataFrame, bytes]:
    """Larvae with and without treatment, one HTSeq table per sample in the archive; the treatment
    stands in the titles alone."""
    samples = [
        Sample(
            f"GSM84{n:05d}",
            f"larvae_{('DMSO', 'PTZ')[n % 2]}_rep{n // 2}",
            ("age: 5 dpf",),
            organism="Danio rerio",
        )
        for n in range(8)
    ]
    counts = np.random.default_rng(2).negative_binomial(2, 0.01, size=(GENES, len(samples)))
    frame = pd.DataFrame(
        counts,
        [f"ENSDARG{n:011d}" for n in range(1, GENES + 1)],
        [sample.accession for sample in samples],
    )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for sample in samples:
            rows = [f"{gene}.1\t{count}" for gene, count in frame[sample.accession].items()] + [
                "__no_feature\t9",
                "__ambiguous\t3",
            ]
            entry = tarfile.TarInfo(f"{sample.accession}_{sample.title}.txt")
            content = ("\n".join(rows) + "\n").encode()
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return Made("GSE275235", samples, title="Seizures of larvae"), frame, packed.getvalue()


def check(folder: Path, dataset: str, frame: pd.DataFrame, classes: dict[str, int]) -> None:
    adata = ad.read_h5ad(folder / "results" / dataset / "counts.h5ad")
    found = adata.to_df()
    order = adata.var["original"].str.partition(".")[0].tolist()
    np.testing.assert_array_equal(
        found.loc[frame.columns].to_numpy(), frame.loc[order].to_numpy().T
    )
    assert adata.obs["label"].value_counts().to_dict() == classes


def test_auto_resolves_on_one_condition(workflow, tmp_path):
    made, frame, table = mouse(diets=False)
    made.write(
        tmp_path / "mirror",
        {"GSE264537_raw_counts.csv.gz": table, "GSE264537_tpm.csv.gz": table.replace(",1", ",1.5")},
    )
    config = {"geo": {"base_url": (tmp_path / "mirror").as_uri()}}
    row = {
        "dataset": "ketogenic_mouse",
        "source": "GSE264537",
        "organism": "mouse",
        "label": "auto",
    }
    done = workflow.run("results/ketogenic_mouse/counts.h5ad", config=config, rows=[row])
    assert done.returncode == 0, done.stderr
    check(workflow.folder, "ketogenic_mouse", frame, {"KO": 4, "WT": 4})


def test_auto_decides_between_conditions_and_its_rows_run(workflow, tmp_path):
    made, frame, table = mouse(diets=True)
    made.write(tmp_path / "mirror", {"GSE264537_raw_counts.csv.gz": table})
    fish, fish_frame, archive = zebrafish()
    fish.write(tmp_path / "mirror", {"GSE275235_RAW.tar": archive})
    config = {"geo": {"base_url": (tmp_path / "mirror").as_uri()}}
    rows = [
        {"dataset": "ketogenic_mouse", "source": "GSE264537", "organism": "mouse"},
        {"dataset": "zebrafish_epilepsy", "source": "GSE275235", "organism": "zebrafish"},
    ]
    targets = [f"results/{row['dataset']}/counts.h5ad" for row in rows]
    done = workflow.run("--keep-going", *targets, config=config, rows=rows)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "label = auto takes diet: KD 8, SD 8 (a condition by its name or values)" in output
    check(workflow.folder, "ketogenic_mouse", frame, {"KD": 8, "SD": 8})
    check(workflow.folder, "zebrafish_epilepsy", fish_frame, {"DMSO": 4, "PTZ": 4})
    # Every other comparison, the diet within knock-outs among them, is a row that runs.
    reading = json.loads((workflow.folder / "results/ketogenic_mouse/reading.json").read_text())
    means = [other["means"] for other in reading["label"]["others"]]
    assert "genotype: KO 8, WT 8" in means
    place = means.index("diet within genotype=KO: KD 4, SD 4")
    row = reading["label"]["others"][place]["row"]
    (workflow.folder / "datasets.tsv").write_text(f"{reading['label']['header']}\n{row}\n")
    done = workflow.run(targets[0])
    assert done.returncode == 0, done.stderr
    kept = [name for name in frame if reading_of(made, name, "genotype") == "KO"]
    check(workflow.folder, "ketogenic_mouse", frame[kept], {"KD": 4, "SD": 4})


def reading_of(made: Made, accession: str, key: str) -> str:
    """Return a characteristic of a sample."""
    (sample,) = [one for one in made.samples if one.accession == accession]
    return dict(text.split(": ") for text in sample.characteristics)[key]
