"""Which files a rule reads where that depends on what earlier rules found.

Purpose: folds, permutations, weights and pairs of data sets, as functions of the wildcards.
Inputs: what the checkpoints folds and transfer_join decided.
Outputs: none.
"""

@signed
def local_files(wildcards):
    """Name the files on this machine that a data set's row points at; nothing for an accession."""
    return ROWS[wildcards.dataset].inputs


def fold_summary(wildcards):
    """Read what the folds checkpoint decided for a data set."""
    return json.loads(
        Path(
            checkpoints.folds.get(dataset=wildcards.dataset).output.summary
        ).read_text()
    )


def fits(wildcards):
    """List the models of a data set that are tested on held-out groups; none where it is not assessable."""
    summary = fold_summary(wildcards)
    if not summary["assessable"]:
        return []
    return [
        f"repeat{repeat}/fold{fold}"
        for repeat in range(summary["repeats"])
        for fold in range(summary["folds"])
    ]


def fold_files(name):
    """Give an input function: a file of every fold's model."""
    return signed(
        lambda wildcards: [
            f"results/{wildcards.dataset}/models/{PRESET.name}/{fit}/{name}"
            for fit in fits(wildcards)
        ]
    )


@signed
def fold_tokens(wildcards):
    """List the tokens of every fold."""
    return [f"results/{wildcards.dataset}/tokens/{fit}" for fit in fits(wildcards)]


@signed
def null_files(wildcards):
    """List the tables of GPT-2's scores under permuted labels; none where the data set is not assessable."""
    if not fits(wildcards):
        return []
    starts = range(0, PERMUTATIONS["refits"], PERMUTATIONS_PER_JOB)
    return [
        f"results/{wildcards.dataset}/null/{first}-{min(first + PERMUTATIONS_PER_JOB, PERMUTATIONS['refits'])}.tsv"
        for first in starts
    ]


def explained(files):
    """Give an input function: files of the folds, or none where the user wants no attributions."""
    return files if SETTINGS.attributions else []


@signed
def model_files(wildcards):
    """List what the report shows of the models: none where the data set is not assessable."""
    if not fold_summary(wildcards)["assessable"]:
        return []
    final = f"results/{wildcards.dataset}/models/{PRESET.name}/final"
    return (
        fold_files("training.jsonl")(wildcards)
        + fold_files("plan.json")(wildcards)
        + [f"{final}/{name}" for name in ("model.safetensors", "plan.json")]
    )


@signed
def fetched_weights(wildcards):
    """Name the folder of pretrained weights where a rule fetches them; nothing for a local folder or a random start."""
    return [] if WEIGHTS is None or WEIGHTS.folder is not None else [WEIGHTS_FOLDER]


@signed
def adapted_weights(wildcards):
    """Name the folder of weights that are adapted to the training samples of a fit; nothing where adapt is 0."""
    place = f"results/{wildcards.dataset}/adapted/{wildcards.preset}/{wildcards.fit}"
    return [place] if SETTINGS.adapt else []


@signed
def adapted_option(wildcards, input):
    """Tell the stage train about them."""
    adapted = input.get("adapted")
    return f"--adapted {shlex.quote(str(adapted))}" if adapted else ""


def fold_weights(path):
    """Delete large weights after their last use, unless the user keeps them; those of the final model always stay."""
    return (
        path
        if SETTINGS.keep_fold_weights or PRESET.weight_bytes <= 1_000_000_000
        else temp(path)
    )


def pair_expression(role):
    """Give an input function: expression.h5ad of the trained or the tested data set of a pair."""
    return signed(
        lambda wildcards: f"results/{getattr(wildcards, role)}/expression.h5ad"
    )


@signed
def pair_cells(wildcards):
    """Give what the rows of a pair say of case and control, as one JSON object."""
    rows = {
        "trained": ROWS[wildcards.dataset],
        "tested": ROWS[wildcards.tested],
    }
    return json.dumps(
        {
            f"{role}.{name}": getattr(row, name)
            for role, row in rows.items()
            for name in ("case", "control")
        },
        sort_keys=True,
    )


def pair_folders(wildcards, testable):
    """List the folders of the pairs that a data set takes part in: those that can be tested, or those that cannot."""
    found = []
    for trained, tested in PAIRS:
        if wildcards.dataset in (trained, tested):
            joined = checkpoints.transfer_join.get(dataset=trained, tested=tested)
            summary = json.loads(Path(joined.output.summary).read_text())
            if testable == (not summary["reason"]):
                found.append(f"results/{trained}/transfer/{tested}")
    return found


@signed
def pair_metrics(wildcards):
    """List the metrics of the pairs that can be tested."""
    return [f"{place}/metrics.tsv" for place in pair_folders(wildcards, testable=True)]


@signed
def untested_pairs(wildcards):
    """List what says why the others cannot."""
    return [f"{place}/genes.json" for place in pair_folders(wildcards, testable=False)]
