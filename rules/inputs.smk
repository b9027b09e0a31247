"""Which files a rule reads where that depends on what earlier rules found.

Purpose: folds, permutations, weights and pairs of data sets, as functions of the wildcards.
Inputs: what the checkpoints folds and transfer_join decided.
Outputs: none.
"""

@signed
def local_files(wildcards):
    """Return the files on this machine that a data set's row points at; none for an accession."""
    return ROWS[wildcards.dataset].inputs


@signed
def sample_map(wildcards):
    """Return the table of columns and samples that a data set's row points at; none without one."""
    return ROWS[wildcards.dataset].map_files


def fold_summary(wildcards):
    """Return what the folds checkpoint decided for a data set."""
    decided = checkpoints.folds.get(dataset=wildcards.dataset).output.summary
    return json.loads(Path(decided).read_text())


def fits(wildcards):
    """Return the fits of a data set that are tested on held-out groups and keep a model folder; none where it is not assessable."""
    summary = fold_summary(wildcards)
    if not summary["assessable"]:
        return []
    own = min(summary["repeats"], REPEATS["own"])
    drawn = itertools.product(range(own), range(summary["folds"]))
    return [f"repeat{repeat}/fold{fold}" for repeat, fold in drawn]


def fold_files(name):
    """Return an input function: a file of every fold's model, or the folders that hold them where one job trains all."""
    if TOGETHER:
        places = [f"{MODELS}/repeat{repeat}" for repeat in range(REPEATS["own"])]
        return signed(lambda wildcards: expand(places, dataset=wildcards.dataset))
    place = f"{MODELS}/{{fit}}/{name}"
    return signed(lambda wildcards: expand(place, dataset=wildcards.dataset, fit=fits(wildcards)))


@signed
def fold_tokens(wildcards):
    """Return the tokens of every fold."""
    place = "results/{dataset}/tokens/{fit}"
    return expand(place, dataset=wildcards.dataset, fit=fits(wildcards))


@signed
def all_tokens(wildcards):
    """Return the tokens of every fold and of the final model; none where the data set is not assessable."""
    folds = fold_tokens(wildcards)
    return [*folds, f"results/{wildcards.dataset}/tokens/final"] if folds else []


@signed
def all_adapted(wildcards):
    """Return the weights that are adapted to the training samples of every fit; none where adapt is 0."""
    place = "results/{dataset}/adapted/{preset}/{fit}"
    found = [*fits(wildcards), "final"] if SETTINGS.adapt and fits(wildcards) else []
    return expand(place, dataset=wildcards.dataset, preset=PRESET.name, fit=found)


def redraws(models):
    """Return an input function: predictions of the draws of the folds that are fitted in one process each."""

    def files(wildcards):
        summary = fold_summary(wildcards)
        further = range(REPEATS["own"], summary["repeats"]) if summary["assessable"] else []
        place = "results/{dataset}/redraws/{redrawn}/{repeat}.tsv"
        return expand(place, dataset=wildcards.dataset, redrawn=models, repeat=further)

    return signed(files)


def first_look(files):
    """Return an input function: files that decide whether a later part of the permutations is run; none for the first parts."""
    return signed(lambda wildcards: files(wildcards) if int(wildcards.first) >= FIRST_LOOK else [])


def first_null_files(wildcards):
    """Return the tables of the first permutations."""
    last = min(FIRST_LOOK, PERMUTATIONS["refits"])
    return null_parts(wildcards, last)


def true_scores(wildcards):
    """Return GPT-2's predictions under the true labels."""
    own = fold_files("predictions.tsv")(wildcards)
    return [*own, *redraws([model_names.FINETUNED])(wildcards)]


def null_parts(wildcards, last):
    parts = [
        f"{first}-{min(first + PERMUTATIONS_PER_JOB, PERMUTATIONS['refits'])}"
        for first in range(0, last, PERMUTATIONS_PER_JOB)
    ]
    place = "results/{dataset}/null/{part}.tsv"
    return expand(place, dataset=wildcards.dataset, part=parts)


@signed
def null_files(wildcards):
    """Return the tables of GPT-2's scores under permuted labels; none where the data set is not assessable."""
    return null_parts(wildcards, PERMUTATIONS["refits"] if fits(wildcards) else 0)


COMPARISONS = "results/{dataset}/comparisons"
ATTRIBUTIONS = {
    "attributions": "results/{dataset}/attributions.tsv",
    "agreement": "results/{dataset}/attribution_agreement.tsv",
    "summary": "results/{dataset}/attributions.json",
}
MODELS = f"results/{{dataset}}/models/{PRESET.name}"
# Beside the folder of the final model where that is the output of another job; a copy lies in it.
ANSWER = f"{MODELS}/answer.json" if TOGETHER else f"{MODELS}/final/answer.json"


def model_folders():
    """Return the outputs of the job that trains all fits of a data set."""
    repeats = [directory(f"{MODELS}/repeat{repeat}") for repeat in range(REPEATS["own"])]
    made = {"repeats": repeats, "final": directory(f"{MODELS}/final")}
    if ALL_IN_ONE:
        variants = [f"{COMPARISONS}/{variant}.tsv" for variant in SETTINGS.comparisons]
        made |= {"comparisons": variants, **ATTRIBUTIONS}
    return made


def model_inputs():
    """Return what that job reads beside the tokens."""
    folder = "results/{dataset}"
    variants = {"folds": f"{folder}/folds.tsv"} if SETTINGS.comparisons else {}
    contrasts = {"contrasts": f"{folder}/differential_expression.tsv"}
    return {**variants, **contrasts} if ALL_IN_ONE else {}


def explained(files):
    """Return an input function: files of the folds, or none where the user wants no attributions."""
    return files if SETTINGS.attributions else []


@signed
def model_files(wildcards):
    """Return what the report shows of the models: none where the data set is not assessable."""
    if not fits(wildcards):
        return []
    final = f"results/{wildcards.dataset}/models/{PRESET.name}/final"
    if TOGETHER:
        answer = expand(ANSWER, dataset=wildcards.dataset)
        return [*fold_files("plan.json")(wildcards), final, *answer]
    return [
        *fold_files("training.jsonl")(wildcards),
        *fold_files("plan.json")(wildcards),
        f"{final}/model.safetensors",
        f"{final}/plan.json",
        f"{final}/answer.json",
    ]


# What `epigpt predict` reads of a model, and its card.
KEPT_OF_A_MODEL = [
    "model.safetensors",
    "config.json",
    "vocabulary.json",
    "reference.npz",
    "labels.json",
    "checksums.json",
    "README.md",
    "answer.json",
]


def kept_models(dataset):
    """Return an input function: what people keep of a data set's models, the final one and the tokens, or a deleted one would not be missed."""

    @signed
    def files(wildcards):
        row = SimpleNamespace(dataset=dataset)
        if not fits(row):
            return []
        final = f"results/{dataset}/models/{PRESET.name}/final"
        # A folder is whole or set aside when a run begins.
        answer = ANSWER.format(dataset=dataset)
        kept = [final, answer] if TOGETHER else expand(f"{final}/{{name}}", name=KEPT_OF_A_MODEL)
        return [
            *kept,
            *fold_tokens(row),
            f"results/{dataset}/tokens/final",
        ]

    return files


@signed
def fetched_weights(wildcards):
    """Return the folder of pretrained weights where a rule fetches them; nothing for a local folder or a random start."""
    return [] if WEIGHTS is None or WEIGHTS.folder is not None else [WEIGHTS_FOLDER]


@signed
def adapted_weights(wildcards):
    """Return the folder of weights that are adapted to the training samples of a fit; nothing where adapt is 0."""
    place = "results/{dataset}/adapted/{preset}/{fit}"
    return expand(place, **wildcards) if SETTINGS.adapt else []


def pair_folders(wildcards, testable):
    """Return the folders of the pairs that a data set takes part in: those that can be tested, or those that cannot."""
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
    """Return the metrics of the pairs that can be tested."""
    return [f"{place}/metrics.tsv" for place in pair_folders(wildcards, testable=True)]


@signed
def untested_pairs(wildcards):
    """Return what says why the others cannot."""
    return [f"{place}/genes.json" for place in pair_folders(wildcards, testable=False)]
