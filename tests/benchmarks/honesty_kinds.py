"""The kinds of series of `make bench-honesty`, how many of each, and what may be said of them.

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
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from epigpt.simulation.design import CASE, CONTROL, FAMILIES, Design
from epigpt.simulation.simulate import Simulated

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
QUICK_NUMBERS = dict.fromkeys(("null", "planted", "donors", "null (family)"), 20)
QUICK_NUMBERS |= dict.fromkeys(SPOILT, 5)
QUICK_NUMBERS |= dict.fromkeys(("sparse (family)", "nuisance (family)", "interaction (family)"), 0)


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
