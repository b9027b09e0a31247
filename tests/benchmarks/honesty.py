"""Does the verdict keep its promise on simulated series whose truth is known? `make bench-honesty`,
or this file with --help.

Kinds of series (`epigpt simulate`, some of them spoilt as below), each drawn with a seed of its own and judged by the
workflow's own library calls:

null
    Twelve litters of one mouse, six and six, nothing planted. At most 5 % may be said to work.
planted
    Twelve litters of two mice with twice the default effect: log2 fold changes of 1.4 to 3 on the
    marker genes and (times 0.7) on 60 others, spread 0.3 between mice. In at least 80 % GPT-2 must
    be said to see it (works or as_good).
donors
    Twelve litters of two mice, litter effects of standard deviation 0.8 (log2) on every gene,
    nothing planted. None may be said to work.
batch, dates, nearly
    As planted, but every case was handled in another batch; or on a day of its own before all
    controls; or so but for one sample. None may be said to work or to be as good.
replicates
    As null, each mouse sequenced three times and every library called a donor of its own. None may.
pairs
    Both conditions in each litter, a third of the litters without one of them, nothing planted.
    None may.
swapped
    As planted, a tenth of the labels swapped. None may be said to work: a simpler model stands
    such labels as well.
sparse, nuisance, interaction (family)
    The families of `epigpt simulate` of these names, at their own size. In at least 80 % GPT-2 must
    be said to see it.
null (family)
    The family null. In at most 5 % GPT-2 may be said to see it.

With --quick the series have 1,500 genes, planted effects are three times the default ones, and the
recipe is a small one (`QUICK`): one draw of three folds, six epochs, two rivals. It asks the rules
of the verdict and the guards before them; what the default recipe sees is asked without --quick.
The families whose bound is the recipe's (sparse, nuisance, interaction) are left out.

Else the recipe is the default one: preset tiny and all settings as in config/config.yaml, quality
control and the descriptive parts left out, and no permutations, which can only take a claim away.
The rivals (baselines, GPT-2 without blocks) are fitted where the verdict is still open after GPT-2
and logistic regression; where these say no_evidence, no rival changes it. A row is written after
each series, and rows that are there under the same settings and code are not computed again, so
that a stopped run goes on.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "workflow"), str(Path(__file__).parent)]

from series_data import write  # noqa: E402

from epigpt import files, model_names  # noqa: E402
from epigpt.config.loading import validated  # noqa: E402
from epigpt.config.repetitions import repeats as drawn_repeats  # noqa: E402
from epigpt.dataset import expression_data  # noqa: E402
from epigpt.dataset.count_blocks import open_observations  # noqa: E402
from epigpt.evaluation import (  # noqa: E402
    answer,
    baselines,
    confounding,
    cross_validation,
    facts,
    intervals,
    predictions,
    refit_pipeline,
)
from epigpt.evaluation.permutation_test import KIND_COLUMNS  # noqa: E402
from epigpt.expression import replicates  # noqa: E402
from epigpt.model_names import FINETUNED, NO_BLOCKS, REFERENCE  # noqa: E402
from epigpt.models import choice  # noqa: E402
from epigpt.provenance.fingerprint import fingerprint  # noqa: E402
from epigpt.simulation.design import CASE, CONTROL, FAMILIES, Design  # noqa: E402
from epigpt.simulation.simulate import Simulated, simulate  # noqa: E402

DESIGNS = {
    "null": Design(groups=12, per_group=1, effect=0.0),
    "planted": Design(groups=12, per_group=2, effect=2.0),
    "donors": Design(groups=12, per_group=2, effect=0.0, group_sd=0.8),
}
NUMBERS = {"null": 50, "planted": 20, "donors": 10}
SPOILT = ("batch", "dates", "nearly", "replicates", "pairs", "swapped")
NUMBERS |= dict.fromkeys(SPOILT, 5)
DESIGNS |= dict.fromkeys(("batch", "dates", "nearly", "swapped"), DESIGNS["planted"])
DESIGNS |= {
    "replicates": DESIGNS["null"],
    "pairs": Design(groups=12, per_group=2, effect=0.0, group_sd=0.8, nested=False),
}
# The share of series of which each claim may be made.
WORKS, SEEN = ("works",), ("works", "as_good")
BOUNDS = {
    "null": (WORKS, 0.0, 0.05),
    "planted": (SEEN, 0.8, 1.0),
    "donors": (SEEN, 0.0, 0.0),
    **dict.fromkeys(("batch", "dates", "nearly", "replicates", "pairs"), (SEEN, 0.0, 0.0)),
    "swapped": (WORKS, 0.0, 0.0),
}
FAMILY = {f"{name} (family)": name for name in ("sparse", "nuisance", "interaction", "null")}
DESIGNS |= {kind: FAMILIES[name].design for kind, name in FAMILY.items()}
NUMBERS |= dict.fromkeys(FAMILY, 5)
BOUNDS |= {
    kind: (SEEN, 0.0, 0.05) if name == "null" else (SEEN, 0.8, 1.0) for kind, name in FAMILY.items()
}
QUICK = {
    "max_genes": 64,
    "vocabulary_genes": 300,
    "views": 2,
    "epochs": 6,
    "global_batch_size": 8,
    "folds": 3,
    "repeats": 1,
    "baselines": ["logistic_l1", "logistic_l2"],
    "bootstrap": 500,
}
QUICK_NUMBERS = dict.fromkeys(("null", "planted", "donors", "null (family)"), 20)
QUICK_NUMBERS |= dict.fromkeys(SPOILT, 5)
QUICK_NUMBERS |= dict.fromkeys(("sparse (family)", "nuisance (family)", "interaction (family)"), 0)
CLASSES = [CONTROL, CASE]
COLUMNS = [
    "kind",
    "seed",
    "verdict",
    "auc",
    "low",
    "high",
    "best_rival",
    "best_rival_auc",
    "seconds",
    "settings_and_code",
]


def main() -> None:
    """Judge the series that the table lacks, then hold the shares against their bounds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "tests" / "benchmarks" / "honesty.tsv",
        help="the table",
    )
    parser.add_argument("--quick", action="store_true", help="small series, a small recipe")
    parser.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="KEY=VALUE",
        help="settings that differ from the defaults",
    )
    parser.add_argument(
        "--numbers",
        nargs="*",
        default=[],
        metavar="KIND=N",
        help="series of each kind (default: `NUMBERS`, or `QUICK_NUMBERS`)",
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    given = (pair.partition("=") for pair in options.set)
    chosen = {key: yaml.safe_load(value) for key, _, value in given}
    asked = validated((QUICK if options.quick else {}) | chosen)
    settings = choice.resolve(asked, choice.Devices("no GPU")).model_dump()
    numbers = {
        **(QUICK_NUMBERS if options.quick else NUMBERS),
        **{
            kind: int(number)
            for kind, _, number in (pair.partition("=") for pair in options.numbers)
        },
    }
    decided_by = [
        settings,
        options.quick,
        fingerprint("null"),
        fingerprint("baseline"),
        fingerprint("evaluate"),
    ]
    identity = hashlib.sha256(
        json.dumps(decided_by, sort_keys=True, default=str).encode()
    ).hexdigest()[:8]
    rows = (
        pd.read_csv(options.output, sep="\t", keep_default_na=False)
        if options.output.is_file()
        else pd.DataFrame(columns=COLUMNS)
    )
    rows = rows[rows["settings_and_code"].astype(str) == identity]
    # The kinds in turn, so that a run that is stopped has some of each.
    wanted = sorted(
        ((seed, kind) for kind in DESIGNS for seed in range(numbers[kind])),
        key=lambda one: (one[0] / numbers[one[1]], one[1]),
    )
    done = set(zip(rows["seed"].astype(int), rows["kind"], strict=True))
    for seed, kind in wanted:
        if (seed, kind) in done:
            continue
        row = {
            "kind": kind,
            "seed": seed,
            **judge(spoilt(kind, simulate(seed, design(kind, options.quick)), seed), settings),
            "settings_and_code": identity,
        }
        rows = pd.concat([rows, pd.DataFrame([row])], ignore_index=True)[COLUMNS]
        files.write_tsv(options.output, rows.sort_values(["kind", "seed"], ignore_index=True))
        print(
            f"{kind} {seed}: {row['verdict']}, AUC {row['auc']:.3f}, {row['seconds']:.0f} s",
            flush=True,
        )
    sys.exit(0 if report(rows) else 1)


def design(kind: str, quick: bool) -> Design:
    """Return the design of a kind of series."""
    asked = DESIGNS[kind]
    return replace(asked, genes=1500, effect=min(1.0, asked.effect) * 3.0) if quick else asked


def spoilt(kind: str, series: Simulated, seed: int) -> Simulated:
    """Return the series as a careless laboratory would leave it; those of other kinds as they
    are."""
    if kind not in SPOILT:
        return series
    random = np.random.default_rng(seed)
    samples, counts = series.samples.copy(), series.counts
    order = np.argsort((samples["condition"] == CASE).to_numpy(), kind="stable")
    rank = np.argsort(order)
    if kind == "batch":
        samples["sequencing batch"] = np.where(samples["condition"] == CASE, "B1", "B2")
    elif kind in ("dates", "nearly"):
        if kind == "nearly":
            edge = int((samples["condition"] != CASE).sum())
            low, high = order[edge - 1], order[edge]
            rank[low], rank[high] = rank[high], rank[low]
        days = pd.Timestamp("2021-03-01") + pd.to_timedelta(rank, unit="D")
        samples["sequencing date"] = days.strftime("%Y-%m-%d")
    elif kind == "replicates":
        parts = []
        for library in range(3):
            drawn = random.binomial(counts.to_numpy(), 0.8)
            names = [f"{name}{'abc'[library]}" for name in counts.columns]
            parts.append(pd.DataFrame(drawn, index=counts.index, columns=names))
        counts = pd.concat(parts, axis=1)
        samples = pd.concat([samples] * 3)
        samples.index = pd.Index(counts.columns, name=series.samples.index.name)
        samples["litter"] = samples.index
        samples = samples.drop(columns="title")
    elif kind == "pairs":
        litters = sorted(samples["litter"].unique())[::3]
        alone = samples[samples["litter"].isin(litters)].drop_duplicates("litter").index
        samples = samples.drop(index=alone)
        counts = counts[samples.index]
    else:
        for condition in (CASE, CONTROL):
            own = series.samples.index[series.samples["condition"] == condition]
            chosen = random.choice(own, max(1, len(own) // 10), replace=False)
            samples.loc[chosen, "condition"] = CONTROL if condition == CASE else CASE
    return replace(series, samples=samples, counts=counts)


def repeats(settings: dict[str, Any]) -> int:
    """Return how often the folds are drawn."""
    return drawn_repeats(settings["repeats"], settings["model"])["all"]


def report(rows: pd.DataFrame) -> bool:
    """Print each kind's share of claims beside its bounds; say whether all are kept."""
    kept = True
    for kind, (claims, low, high) in BOUNDS.items():
        own = rows[rows["kind"] == kind]
        if len(own):
            share = float(own["verdict"].isin(claims).mean())
            kept &= low <= share <= high
            print(
                f"{kind}: {share:.0%} of {len(own)} series said to be {' or '.join(claims)},"
                f" promised {low:.0%} to {high:.0%}"
            )
    return kept


def judge(series: Simulated, settings: dict[str, Any]) -> dict[str, Any]:
    """Give the verdict on one series, as the workflow would."""
    began = time.process_time()
    with tempfile.TemporaryDirectory(prefix="epigpt.") as folder:
        path = Path(folder) / "expression.h5ad"
        write(series, path)
        _merge_libraries(path)
        data, tokens = expression_data.read(path), open_observations(path)
        known = pd.DataFrame({"sample": data.sample, "group": data.group, "label": data.label})
        folds = cross_validation.folds(
            known, settings["folds"], repeats(settings), settings["seed"]
        )
        samples = series.samples.rename(columns={"condition": "characteristic"}).reset_index()
        samples = known.merge(samples.drop(columns="characteristic"), on="sample")
        judged = confounding.table(samples)
        fitted: dict[str, pd.DataFrame] = {}
        decided: dict[str, Any] = {}
        for models in (
            [FINETUNED, REFERENCE],
            [*settings["baselines"], NO_BLOCKS],
        ):
            for model in models:
                if model in fitted:
                    continue
                if model in model_names.BASELINES:
                    fitted[model] = baselines.cross_predict(model, data, folds, settings["seed"])
                else:
                    pipeline = refit_pipeline.Pipeline(settings["model"], settings, model)
                    fitted[model] = refit_pipeline.from_expression(pipeline, tokens, folds, CLASSES)
            decided = decide(fitted, folds, judged, settings)
            if decided["verdict"] in ("no_evidence", "confounded"):
                break
    gpt2, best = decided["auc"][FINETUNED], decided["best_rival"]
    return {
        "verdict": decided["verdict"],
        "auc": round(gpt2["estimate"], 4),
        "low": round(gpt2["low"], 4),
        "high": round(gpt2["high"], 4),
        "best_rival": best,
        "best_rival_auc": round(decided["auc"][best]["estimate"], 4),
        "seconds": round(time.process_time() - began, 1),
    }


def _merge_libraries(path: Path) -> None:
    """Group libraries of one donor, as the stage expression does."""
    data = anndata.read_h5ad(path)
    found = replicates.merge(data)
    if found.samples:
        data.obs["group"] = found.group
        data.write_h5ad(path)


def decide(
    fitted: dict[str, pd.DataFrame],
    folds: pd.DataFrame,
    judged: pd.DataFrame,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """Score the models and apply the rules."""
    arranged = predictions.by_model(pd.concat(fitted.values(), ignore_index=True), folds, CLASSES)
    weights = intervals.resampled_weights(
        arranged[FINETUNED], settings["bootstrap"], settings["seed"]
    )
    none = pd.DataFrame(columns=KIND_COLUMNS)
    scored = intervals.table(arranged, settings["model"], weights, none)
    told = facts.collect(arranged, scored, weights, none, judged)
    return answer.decide(told).as_dict()


if __name__ == "__main__":
    main()
