"""Held-out AUC with and without pretraining on a corpus: `make bench-corpus`, or with options
`python tests/benchmarks/corpus.py --help`.

Simulated: series of the family `shared`, whose programmes of genes are the same in every series and
of which one tells 8 donors from 8, each gene a little; a corpus of other series of the family, of
growing size. Real: the tasks of `make bench-series`, each with a corpus of the other series, the
task's own left out by the checks that the workflow makes. A row is written after each fit; rows
that are there are not computed again unless `--again` is given. `--show` prints the means.
"""

import argparse
import hashlib
import logging
import os
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import scipy.sparse

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(Path(__file__).parent)]

from series import fit, score  # noqa: E402
from series_data import Prepared, observed, prepare, write  # noqa: E402
from series_tasks import SERIES  # noqa: E402

from epigpt import files  # noqa: E402
from epigpt.config.corpus_table import CorpusRow  # noqa: E402
from epigpt.config.loading import validated  # noqa: E402
from epigpt.corpus import copies, pretraining, selection, shards, sources  # noqa: E402
from epigpt.dataset import human_genes, storage  # noqa: E402
from epigpt.encoding.token_dataset import EncodingConfig  # noqa: E402
from epigpt.evaluation import cross_validation  # noqa: E402
from epigpt.models import choice  # noqa: E402
from epigpt.models.published import VARIABLE  # noqa: E402
from epigpt.samples.classes import class_order  # noqa: E402
from epigpt.simulation.design import CASE, CONTROL, FAMILIES  # noqa: E402
from epigpt.simulation.simulate import simulate  # noqa: E402
from epigpt.stages.corpus_series import HIDDEN  # noqa: E402

FAMILY = "simulated_shared"
ENCODINGS = ("program-tokens", "gene-values", "gene-tokens")
COLUMNS = ["task", "draw", "model", "encoding", "corpus", "auc", "low", "high", "seconds"]
LOG = logging.getLogger("epigpt.bench")


def main() -> None:
    """Fit what the table lacks, or print its means."""
    options = _options()
    warnings.simplefilter("ignore")
    rows = pd.DataFrame(columns=COLUMNS)
    if options.output.is_file() and not options.again:
        rows = pd.read_csv(options.output, sep="\t", dtype={"corpus": str})
    if not options.show:
        for encoding in options.encodings:
            for task in options.tasks:
                for size in options.sizes if task == FAMILY else ["none", "others"]:
                    rows = _of(task, encoding, str(size), options, rows)
    print(means(rows).to_string(float_format=lambda value: f"{value:.3f}"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(os.environ.get("EPIGPT_SHARED", ROOT.parent / "shared"))
    folder = Path(__file__).parent
    parser.add_argument("--shared", type=Path, default=shared, help="test material")
    parser.add_argument("--work", type=Path, default=ROOT / "results" / "bench-corpus")
    parser.add_argument("--output", type=Path, default=folder / "corpus.tsv", help="the table")
    parser.add_argument("--tasks", nargs="*", default=[FAMILY], choices=[FAMILY, *SERIES])
    parser.add_argument("--encodings", nargs="*", default=list(ENCODINGS), choices=ENCODINGS)
    parser.add_argument(
        "--sizes",
        nargs="*",
        type=int,
        default=[0, 2, 6, 18],
        help="series of the simulated corpus; 0: not pretrained (default: 0 2 6 18)",
    )
    parser.add_argument(
        "--model", default="tiny", help="preset or shape such as gpt2-4x128 (default: tiny)"
    )
    parser.add_argument("--draws", type=int, default=10, help="tested series or draws of the folds")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the corpus at most")
    parser.add_argument("--again", action="store_true", help="forget the rows that are there")
    parser.add_argument("--show", action="store_true", help="print the means and compute nothing")
    return parser.parse_args()


def settings_for(
    model: str, encoding: str, pretrained: bool, seed: int, **changed: Any
) -> dict[str, Any]:
    """Return what a run with these keys would tell its stages."""
    asked = validated({"encoding": encoding, "model": model, "seed": seed, **changed})
    asked = asked.model_copy(update={"corpus": "corpus.tsv" if pretrained else ""})
    resolved = choice.resolve(asked, choice.Devices("no GPU")).model_dump(mode="json")
    return {
        **resolved,
        "shared_programs": "bench" if pretrained and encoding == "program-tokens" else "none",
        "corpus_encoding": encoding.replace("program-tokens", "gene-values"),
        **{f"pretraining.{key}": value for key, value in resolved["pretraining"].items()},
        "pretraining.weights": "none",
    }


def _of(
    task: str, encoding: str, size: str, options: argparse.Namespace, rows: pd.DataFrame
) -> pd.DataFrame:
    draws = range(options.draws if task == FAMILY else min(options.draws, 3))
    wanted = {"task": task, "model": options.model, "encoding": encoding, "corpus": size}
    known = rows[(rows[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    pretrained, model = size not in {"0", "none"}, None
    for draw in draws:
        if draw in set(known["draw"]):
            continue
        settings = settings_for(options.model, encoding, pretrained, draw + 1) | {"repeats": 1}
        if pretrained and model is None:
            model = pretrain(task, encoding, size, options)
        if model is not None:
            os.environ[VARIABLE] = str(model)
        began = time.process_time()
        path, classes = tested(task, draw, options)
        folds = cross_validation.folds(observed(path), settings["folds"], 1, settings["seed"])
        prepared = Prepared(path, classes)
        found = score(
            "finetuned", fit("finetuned", prepared, folds, settings), folds, classes, settings
        )
        row = {**wanted, "draw": draw}
        row |= {key: found[key] for key in ("auc", "low", "high")}
        row["seconds"] = round(time.process_time() - began, 1)
        added = pd.DataFrame([row], columns=COLUMNS)
        rows = pd.concat([rows, added], ignore_index=True) if len(rows) else added
        files.write_tsv(options.output, rows)
        said = f"{task} {draw} {options.model} {encoding} corpus {size}: {found['auc']:.3f}"
        print(said, flush=True)
    return rows


def tested(task: str, draw: int, options: argparse.Namespace) -> tuple[Path, list[str]]:
    """Return expression and classes of a task; a simulated series is another one in each draw."""
    if task != FAMILY:
        prepared = prepare(task, draw, options.work.resolve(), options.shared.resolve())
        return prepared.expression, prepared.classes
    path = options.work / "tested" / f"{draw}.h5ad"
    path.parent.mkdir(parents=True, exist_ok=True)
    write(simulate(9000 + draw, FAMILIES["shared"].design), path)
    return path, class_order(pd.Series([CONTROL, CASE]), CASE, CONTROL)


def pretrain(task: str, encoding: str, size: str, options: argparse.Namespace) -> Path:
    """Pretrain on the corpus of a task, its own series left out; a finished model is kept, also for
    other tasks that leave the same series out."""
    settings = settings_for(
        options.model, encoding, True, 1, pretraining={"epochs": options.epochs}
    )
    recipe = EncodingConfig(
        encoding=settings["corpus_encoding"],
        max_genes=settings["max_genes"],
        vocabulary_genes=settings["pretraining.genes"],
        views=settings["pretraining.views"],
        seed=1,
        gene_dropout=HIDDEN,
        gene_selection="deviation",
    )
    place = options.work / "shards"
    written = [
        shards.write(place, one, recipe, row=one.name, source=one.name, code=[])
        for one in (simulated(int(size)) if task == FAMILY else others(options))
    ]
    against = [] if task == FAMILY else [_as_tested(task, options)]
    decided = selection.decide(written, place, against, held_out=0.1, seed=1)
    table = pd.DataFrame(
        [
            {
                "series": one.shard.series,
                "organism": one.shard.organism,
                "observations": str(one.shard.observations),
                "use": one.use,
                "reason": one.reason,
                "shard": one.shard.identity,
            }
            for one in decided
        ]
    )
    for one in table[table["use"] == selection.LEFT_OUT].itertuples():
        print(f"{task}: {one.series} left out: {one.reason}", flush=True)
    used = table[["shard", "use"]].to_csv(index=False) + str(options.epochs)
    series = hashlib.sha256(used.encode()).hexdigest()[:12]
    folder = options.work / "models" / f"{options.model}-{encoding}-{series}"
    if folder.is_dir() and not options.again:
        return folder
    files.write_tsv(folder.with_suffix(".tsv"), table)
    request = pretraining.Request(
        table=folder.with_suffix(".tsv"),
        shards=place,
        name="bench",
        preset=options.model,
        checkpoints=options.work / "checkpoints",
        output=folder,
        settings=settings,
    )
    pretraining.run(request, 1, LOG)
    return folder


def simulated(number: int) -> list[sources.Series]:
    """Draw series of the family for a corpus, none of which is tested."""
    design = replace(FAMILIES["shared"].design, groups=24)
    found = []
    for seed in range(number):
        drawn = simulate(500 + seed, design)
        names = drawn.counts.index.astype(str)
        made = anndata.AnnData(
            scipy.sparse.csr_matrix(drawn.counts.T.to_numpy()),
            obs=pd.DataFrame({"sample": drawn.samples.index}, index=drawn.samples.index),
            var=pd.DataFrame({"symbol": names}, index=names),
            uns={"assay": "bulk", "organism": "mouse"},
        )
        found.append(sources.Series(f"simulated{seed}", made, frozenset({f"simulated{seed}"})))
    return found


def others(options: argparse.Namespace) -> list[sources.Series]:
    """Read the local series of the tasks as rows of a corpus table; that of the task itself is left
    out by the checks."""
    found, seen = [], set()
    settings = validated({}).model_dump(mode="json")
    asked = {"allow_values": settings["allow_values"], "geo.max_unpacked_gb": 1}
    asked |= {f"quality.{name}": limit for name, limit in settings["quality"].items()}
    for name, row in SERIES.items():
        if row["source"].startswith("GSE") or row["source"] in seen:
            continue
        seen.add(row["source"])
        paths = [options.shared.resolve() / row[cell] for cell in ("source", "samples")]
        of_table = CorpusRow(name, *map(str, paths), organism=row["organism"], assay="bulk")
        found += [replace(one, name=row["source"]) for one in sources.read(of_table, paths, asked)]
    return [one for one in found if one.counts is not None]


def _as_tested(task: str, options: argparse.Namespace) -> selection.Tested:
    """Describe a task as a run describes its data set: from the counts that are tested."""
    prepared = prepare(task, 0, options.work.resolve(), options.shared.resolve())
    obs, var, matrix = storage.parts(prepared.expression, "obs", "var", "layers/counts")
    genes, summed = human_genes.summed(
        scipy.sparse.csr_matrix(matrix),
        var.index.astype(str).tolist(),
        var["symbol"].astype(str).tolist(),
        storage.text(prepared.expression, "organism"),
    )
    sample = obs["sample"].astype(str).to_numpy(dtype=str)
    panel = copies.panel(summed, genes, sample)
    return selection.Tested(task, frozenset(), frozenset(sample.tolist()), panel)


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean AUC and its standard error over draws, by task, model, encoding and corpus."""
    grouped = rows.groupby(["task", "model", "encoding", "corpus"], sort=False)["auc"]
    return pd.DataFrame(
        {
            "auc": grouped.mean(),
            "error": grouped.std() / np.sqrt(grouped.size()),
            "draws": grouped.size(),
        }
    )


if __name__ == "__main__":
    main()
