"""The two files of a run that `epigpt start` writes, once, and takes up again when it is asked for
the same run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from epigpt import files
from epigpt.config import config_files, dataset_table, loading
from epigpt.config.dataset_row import Row
from epigpt.config.settings import Settings
from epigpt.errors import InputError
from epigpt.samples.label_rows import table_to_paste

FOLDER = "config"


@dataclass(frozen=True)
class Configuration:
    """A run's config file and data set table: where they lie and what they say.

    Attributes
    ----------
    config, table
        Paths under the working directory.
    content
        Keys of the config file; all others keep their defaults.
    row
        The one row of the table.
    """

    config: Path
    table: Path
    content: dict[str, Any]
    row: Row

    @property
    def texts(self) -> dict[Path, str]:
        """The content of both files."""
        remark = (
            "# Written by `epigpt start`, never written over by it: edit what you like, and run\n"
            f"# `snakemake --cores all --configfile {self.config.name}` from the folder above."
        )
        remark = remark.replace(self.config.name, f"{FOLDER}/{self.config.name}")
        listed = yaml.safe_dump(self.content, sort_keys=False, allow_unicode=True)
        return {self.config: f"{remark}\n{listed}", self.table: table_to_paste([self.row]) + "\n"}

    def written(self) -> "Configuration":
        """Return it as it lies there, or else write it."""
        if self.config.exists() or self.table.exists():
            return existing(self.config, self.row.dataset)
        for path, text in self.texts.items():
            files.write_text(path, text)
        return self


def of_run(directory: Path, row: Row, content: dict[str, Any]) -> Configuration:
    """Return the configuration of a data set's run, not yet written.

    Parameters
    ----------
    directory
        Where results will lie.
    content
        Keys beside `datasets`.
    """
    folder = directory / FOLDER
    table = folder / f"{row.dataset}.tsv"
    return Configuration(
        folder / f"{row.dataset}.yaml", table, {"datasets": table.name, **content}, row
    )


def existing(config: Path, dataset: str) -> Configuration:
    """Read the files of an earlier `epigpt start`, as they are by now.

    Raises
    ------
    InputError
        One of the two is missing, cannot be read, or is about another data set.
    """
    remedy = (
        f"move {config.parent / config.stem}.* away, or give the new run another name with"
        " --name NAME"
    )
    table = config.with_suffix(".tsv")
    for path in (config, table):
        if not path.is_file():
            raise InputError(
                f"no file {path.name} beside {config.stem}.*",
                str(path.parent),
                "a run has both, and none is written over",
                remedy,
            )
    content = config_files.read(config)
    rows = dataset_table.read(table)
    if [row.dataset for row in rows] != [dataset]:
        raise InputError(
            f"data sets {', '.join(row.dataset for row in rows)}",
            str(table),
            f"the run is about {dataset}, and files are never written over",
            remedy,
        )
    return Configuration(config, table, content, rows[0])


def settings_of(configuration: Configuration) -> Settings:
    """Return the run's settings, defaults filled in; an `InputError` as of `loading.validated`."""
    return loading.validated(configuration.content, [configuration.config])
