"""Which files a rule reads where that depends on its data set, or on what earlier rules found.

Purpose: fits and weights, as functions of the wildcards.
Inputs: what the checkpoint folds decided.
Outputs: none.
"""

FIT_PLAN = FitPlan(
    preset=PRESET.name,
    own_repeats=REPEATS["own"],
    permutations=PERMUTATIONS["refits"],
    one_job=TOGETHER,
    adapt=bool(SETTINGS.adapt),
)


def fit_files(dataset):
    """Return the paths of a data set's fits; those that depend on its folds wait for them."""

    def summary():
        decided = checkpoints.folds.get(dataset=dataset).output.summary
        return json.loads(Path(decided).read_text())

    return FitFiles(dataset, FIT_PLAN, summary)


def of_fits(files, *arguments, dataset=None):
    """Return an input function: the files that a method of `FitFiles` names."""
    return signed(lambda wildcards: files(fit_files(dataset or wildcards.dataset), *arguments))


@signed
def fetched_weights(wildcards):
    """Return the folder of pretrained weights where a rule fetches or learns them; nothing for a
    local folder or a random start."""
    return [WEIGHTS_FOLDER] if RUN.weights and RUN.weights.folder is None else []


@signed
def corpus_programs(wildcards):
    """Return the folder of weights beside which the programmes of the corpus lie that tokens are
    made with; nothing for other tokens, or for a local folder."""
    return fetched_weights(wildcards) if RUN.shared_programs != published.NONE else []
