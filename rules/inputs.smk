"""Which files a rule reads where that depends on its data set, or on what earlier rules found.

Purpose: fits and weights, as functions of the wildcards.
Inputs: what the checkpoints folds and foregone found.
Outputs: none.
"""


def fit_files(dataset):
    """Return the paths of a data set's fits; those that depend on its folds wait for them."""

    def summary():
        return json.loads(Path(checkpoints.folds.get(dataset=dataset).output.summary).read_text())

    def foregone():
        return json.loads(Path(checkpoints.foregone.get(dataset=dataset).output.known).read_text())

    return FitFiles(dataset, RUN.fit_plan, summary, foregone)


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


@signed
def corpus_files(wildcards):
    """Return what a row of the corpus table is read from, under the names that its stage knows."""
    row = CORPUS_ROWS[wildcards.series]
    folder = f"results/corpus/{wildcards.corpus}/series/{wildcards.series}/geo"
    downloaded = {"manifest": f"{folder}/manifest.tsv", "status": f"{folder}/status.json"}
    found = downloaded if row.is_accession else {"files": row.inputs}
    return found | ({"transcripts": [SETTINGS.transcripts]} if SETTINGS.transcripts else {})


def once_due(files):
    """Return an input function: what decides whether a later part of the permutations is run."""
    return signed(lambda wildcards: files(fit_files(wildcards.dataset), int(wildcards.first)))


@signed
def adapted_weights(wildcards):
    """Return the weights that are adapted to the training samples of a fit; none where adapt is 0."""
    place = "results/{dataset}/adapted/{preset}/{fit}"
    return expand(place, **wildcards) if SETTINGS.adapt else []


def of_pairs(name, testable):
    """Return an input function: a file of each pair that a data set takes part in, of those that
    can be tested or of those that cannot."""

    def files(wildcards):
        found = []
        for a, b in [pair for pair in PAIRS if wildcards.dataset in pair]:
            summary = Path(checkpoints.transfer_join.get(dataset=a, tested=b).output.summary)
            if testable == (not json.loads(summary.read_text())["reason"]):
                found.append(str(summary.with_name(name)))
        return found

    return signed(files)


def explained(files):
    """Return the input, or nothing where the user wants no attributions."""
    return files if SETTINGS.attributions else []
