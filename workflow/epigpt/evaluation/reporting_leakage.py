"""The checks for leakage that result files allow, each with what it found and where."""

import pandas as pd

from epigpt.evaluation.reporting_evidence import Results, Row

UNKNOWN = "could not be checked"


def rows(results: Results) -> list[Row]:
    """Return the checks, one row each."""
    found = results.confounding
    named = [
        *results.verdict.get("confounders", []),
        *results.verdict.get("ignored_confounders", []),
    ]
    checks = [
        _crossing(results.folds),
        _coverage(results),
        _fitted_per_fold(results),
        (
            "leakage: libraries of one donor",
            _merged(results),
            "correlation of counts between samples, held against that between donors",
        ),
        (
            "leakage: characteristics that go with the classes",
            ", ".join(named) or ("none" if len(found) else UNKNOWN),
            f"confounding.tsv: {len(found)} characteristics held against the label"
            if len(found)
            else "the record holds no other characteristic",
        ),
    ]
    tested, place = results.locus.get("tested"), results.locus.get("locus")
    answer = "no" if tested else UNKNOWN
    if place:
        answer = f"yes, around chromosome {place['chromosome']}: {', '.join(place['symbols'])}"
    why = "locus.json" if tested else f"locus.json: {results.locus.get('reason') or 'not tested'}"
    return [*checks, ("leakage: deciding genes crowd one locus", answer, why)]


def _crossing(folds: pd.DataFrame) -> Row:
    item = "leakage: donors in training and test at once"
    if folds.empty:
        return item, "no model was tested", "folds.tsv has no row"
    held = folds.groupby(["repeat", "group"])["fold"].nunique()
    crossing = int((held > 1).sum())
    draws = folds["repeat"].nunique()
    drawn = f"{draws} draws" if draws > 1 else "one draw"
    return (
        item,
        "none" if not crossing else f"{crossing}",
        f"folds.tsv: {folds['group'].nunique()} groups in {drawn}, one fold each",
    )


def _coverage(results: Results) -> Row:
    """Return whether every model was tested on all samples, each once per draw, in its fold."""
    item = "leakage: each sample predicted once per draw, by models that were not trained on it"
    table = results.predictions
    if table.empty:
        return item, "no model was tested", "predictions.tsv has no row"
    keys = ["repeat", "fold", "sample"]
    wanted = set(map(tuple, results.folds[keys].astype(str).to_numpy()))
    bad = [
        str(model)
        for model, part in table.groupby("model")
        if set(map(tuple, part[keys].astype(str).to_numpy())) != wanted
        or part.duplicated([*keys, "class"]).any()
    ]
    answer = "yes" if not bad else f"not by {', '.join(sorted(bad))}"
    return item, answer, f"predictions.tsv against folds.tsv: {table['model'].nunique()} models"


def _fitted_per_fold(results: Results) -> Row:
    item = "preprocessing fitted on training folds only"
    number = len(results.vocabularies)
    if not number:
        return item, UNKNOWN, "no fold's model is at hand"
    different = len(set(results.vocabularies))
    answer = (
        "a vocabulary of its own in each fold"
        if number > 1
        else "one fold's model is at hand, too few to compare"
    )
    return (
        item,
        answer,
        f"models/: {number} vocabularies, {different} of them different; that scaling, gene choice"
        " and penalties follow is tested with the software, not in these files",
    )


def _merged(results: Results) -> str:
    if results.folds.empty:
        return UNKNOWN
    tested = results.folds.drop_duplicates("sample").set_index("sample")["group"]
    known = results.samples.set_index("sample")["group"].reindex(tested.index)
    joined = tested[tested.isin(tested[tested != known])]
    if joined.empty:
        return "none found"
    return f"{len(joined)} samples are libraries of {joined.nunique()} donors, grouped so"
