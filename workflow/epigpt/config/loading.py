"""From config files to `Settings`: where keys come from, what is wrong with them, which paths they
mean."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from epigpt.config.config_files import folder_of, read
from epigpt.config.key_messages import dotted_key, explain
from epigpt.config.settings import Settings
from epigpt.config.settings_data import Geo
from epigpt.errors import InputError, nearest_name

_MOST_SECTIONS = 10_000
RELATIVE_URL = "file://./"


def load(config: dict[str, Any], files: Sequence[Path], root: Path) -> Settings:
    """Validate a merged configuration and make its paths absolute.

    Parameters
    ----------
    config
        What Snakemake merged from `--configfile` and `--config`.
    files
        The config files behind it, the later ones stronger; they tell where a key comes from.
    root
        The project's root.

    Raises
    ------
    InputError
        Unknown key, wrong type or value, a data set table that is nowhere.
    """
    for path in files:
        if path.is_file():
            read(path)  # refuses what Snakemake, which merged them, reads without complaint
    settings = validated(config, files)
    _refuse_adapted_programs(settings)
    _check_corpus(settings)
    changed: dict[str, Any] = {"datasets": str(_table("datasets", settings.datasets, files, root))}
    if settings.corpus:
        changed["corpus"] = str(_table("corpus", settings.corpus, files, root))
    changed["geo"] = with_mirror(settings.geo, folder_of("geo", files) or Path.cwd())
    changed["gene_sets"] = [_existing(name, "gene_sets", files) for name in settings.gene_sets]
    if settings.transcripts:
        changed["transcripts"] = _existing(settings.transcripts, "transcripts", files)
    changed["weights"] = _with_folder(settings.weights, "weights", files)
    start = _with_folder(settings.pretraining.weights, "pretraining", files)
    changed["pretraining"] = settings.pretraining.model_copy(update={"weights": start})
    return settings.model_copy(update=changed)


def _with_folder(weights: str, key: str, files: Sequence[Path]) -> str:
    """Return weights that are a folder beside the config file by its whole path, others as they
    are."""
    local = (folder_of(key, files) or Path.cwd()) / weights
    named = weights in ("none", "auto", "preset", "corpus")
    return str(local.resolve()) if not named and local.is_dir() else weights


def _refuse_adapted_programs(settings: Settings) -> None:
    if settings.adapt and settings.encoding == "program-tokens":
        raise InputError(
            found=f"adapt: {settings.adapt} with encoding: {settings.encoding}",
            where="config key 'adapt'",
            why="every sample has the same programs in the same order, so that there is no next"
            " token to predict",
            remedy="write adapt: 0, or encoding: gene-values",
        )


def _check_corpus(settings: Settings) -> None:
    if settings.weights == "corpus" and not settings.corpus:
        raise InputError(
            found="weights: corpus without a corpus",
            where="config key 'corpus'",
            why="nothing says which series to learn from",
            remedy="write corpus: config/corpus.tsv, a table with the columns series and source, or"
            " other weights",
        )
    if settings.weights == "corpus" and settings.encoding == "gene-sentence":
        raise InputError(
            found=f"weights: corpus with encoding: {settings.encoding}",
            where="config key 'weights'",
            why="this encoding is read as text, and a corpus teaches genes",
            remedy="write encoding: program-tokens, gene-values or gene-tokens, or weights: preset",
        )
    if settings.pretraining.weights == "corpus":
        raise InputError(
            found="weights: corpus",
            where="config key 'pretraining.weights'",
            why="a model cannot begin with what it is about to learn",
            remedy="write pretraining.weights: auto, preset or none, or name a folder or a hub id",
        )


def with_mirror(geo: Geo, folder: Path) -> Geo:
    """Return the settings with the address of a mirror beside the config file (`file://./name`)
    made absolute."""
    absolute = {
        key: (folder / url.removeprefix(RELATIVE_URL)).resolve().as_uri()
        for key in ("base_url", "dee2_url")
        if (url := getattr(geo, key)).startswith(RELATIVE_URL)
    }
    return geo.model_copy(update=absolute)


def validated(config: dict[str, Any], files: Sequence[Path] = ()) -> Settings:
    """Check keys and values; the paths stay as they are."""
    _refuse_unnamed(config, files)
    try:
        return Settings.model_validate(config)
    except ValidationError as error:
        # A union reports each of its branches; the first tells enough.
        problems: dict[str, Any] = {}
        for problem in error.errors():
            problems.setdefault(dotted_key(problem["loc"]), problem)
    refusals = [explain(key, problem, files) for key, problem in problems.items()]
    if len(refusals) == 1:
        raise InputError(*refusals[0])
    raise InputError(
        found=f"{len(refusals)} problems in the configuration",
        where="; ".join(dict.fromkeys(where for _, where, _, _ in refusals)),
        why="".join(f"\n    - {found}: {why}" for found, _, why, _ in refusals),
        remedy="".join(f"\n    - {remedy}" for _, _, _, remedy in refusals),
    )


def _refuse_unnamed(config: dict[str, Any], files: Sequence[Path]) -> None:
    """Refuse keys that are not text, such as `1: 2`, which no setting has."""
    waiting: list[tuple[str, Any]] = [("", config)]
    looked = 0
    while waiting:
        place, section = waiting.pop()
        looked += 1
        if looked > _MOST_SECTIONS:
            raise InputError(
                f"more than {_MOST_SECTIONS:,} lists and sections",
                ", ".join(map(str, files)) or "--config",
                "no configuration has that many; aliases of YAML may repeat one without end",
                "write the values out",
            )
        if isinstance(section, list):
            waiting += [(place, part) for part in section if isinstance(part, dict | list)]
            continue
        for key, value in section.items():
            if not isinstance(key, str):
                raise InputError(
                    f"key {key!r}, which is a {type(key).__name__}",
                    (f"section '{place}' of " if place else "")
                    + (", ".join(map(str, files)) or "--config"),
                    "the name of a setting is text",
                    "remove the line, or write the name of a setting before the colon;"
                    " config/README.md lists all keys",
                )
            if isinstance(value, dict | list):
                waiting.append((f"{place}.{key}".lstrip("."), value))


def transfer_pairs(entries: Sequence[str], known: Sequence[str]) -> list[tuple[str, str]]:
    """Read the key transfer: pairs of data sets, trained on and tested on.

    Raises
    ------
    InputError
        A data set that the table does not have, or one tested on itself.
    """
    pairs = [
        (first, second)
        for first, _, second in (entry.partition(" -> ") for entry in dict.fromkeys(entries))
    ]
    for first, second in pairs:
        for name in (first, second):
            if name not in known:
                close = nearest_name(name, list(known))
                raise InputError(
                    f"data set '{name}'",
                    f"config key 'transfer', {first} -> {second}",
                    f"the table of data sets has {', '.join(known)}",
                    f"write '{close}'" if close else "correct the name, or add a row",
                )
        if first == second:
            raise InputError(
                f"{first} -> {second}",
                "config key 'transfer'",
                "a series is tested on itself by the folds",
                "name two data sets, or remove the pair",
            )
    return pairs


# What the table behind a key lists.
_TABLES = {
    "datasets": "the workflow needs the table that lists its data sets",
    "corpus": "the table lists the series that a model learns from before it sees a data set",
}


def _table(key: str, name: str, files: Sequence[Path], root: Path) -> Path:
    folder = folder_of(key, files)
    searched = (
        [Path(name)]
        if Path(name).is_absolute()
        else [place / name for place in (folder, Path.cwd(), root) if place]
    )
    for candidate in searched:
        if candidate.is_file():
            return candidate.resolve()
    raise InputError(
        found=f"no file {name}",
        where=f"config key '{key}', looked up as " + ", ".join(dict.fromkeys(map(str, searched))),
        why=_TABLES[key],
        remedy=(
            f"set '{key}' to the path of a table, or create it; config/README.md describes its"
            " columns"
        ),
    )


def _existing(name: str, key: str, files: Sequence[Path]) -> str:
    path = ((folder_of(key, files) or Path.cwd()) / name).resolve()
    if not path.is_file():
        raise InputError(
            f"no file {path}",
            f"config key '{key}'",
            "it should name a file",
            f"correct the path in '{key}' or remove it",
        )
    return str(path)
