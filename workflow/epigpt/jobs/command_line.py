"""The command that starts a stage; `epigpt.stages.entry` reads what is written here."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from epigpt.provenance import parent_watch

OFFLINE = "HF_HUB_OFFLINE"
ENVIRONMENT = {
    # A module of the working directory, such as a csv.py, is never taken for ours or Python's.
    "PYTHONSAFEPATH": "1",
    # Names of files and folders are read as UTF-8 in every locale.
    "PYTHONUTF8": "1",
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "Agg",
    "TOKENIZERS_PARALLELISM": "false",
    OFFLINE: "1",
}
# The one stage that may use the network for models.
ONLINE = "weights"
# Stages whose further cores are for processes that they fork, each with one thread. Snakemake tells
# libraries to take a job's cores by these variables.
FORKING = frozenset({"report"})
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "GOTO_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
}
# A file and no module: it starts with every job, before anything of the package is imported.
WARM_CLIENT = "epigpt/jobs/warm_client.py"


@dataclass(frozen=True)
class Shell:
    """What all commands of a run begin with.

    Attributes
    ----------
    python
        The interpreter, quoted for a shell.
    library
        The folder that holds the package.
    further
        More variables of the environment, such as where pretrained weights are.
    """

    python: str
    library: Path
    further: Mapping[str, str] = field(default_factory=dict)

    def command(
        self,
        stage: str,
        files_and_wildcards: Iterable[tuple[str, str | Sequence[str]]],
        settings: Sequence[str],
        start: str,
        warm: bool = False,
    ) -> str:
        """Return the command of a job.

        Parameters
        ----------
        stage
            Name of the stage's module.
        files_and_wildcards
            Named inputs, named outputs and wildcards of the rule; each becomes a flag.
        settings
            JSON objects, which add up.
        start
            What starts the stage, up to its own flags.
        warm
            Have it forked from the run's warm process, where it is a process of this machine that
            begins with one thread, as that is.

        Raises
        ------
        ValueError
            An input, an output or a wildcard share a name.
        """
        environment = {"PYTHONPATH": str(self.library), **ENVIRONMENT, **self.further}
        if stage == ONLINE:
            del environment[OFFLINE]
        if stage in FORKING:
            environment |= _ONE_THREAD
        words = [f"{name}={shlex.quote(value)}" for name, value in environment.items()]
        cold = f"{self.python} -m epigpt.stages.{stage} --threads "
        threads, _, _ = start.removeprefix(cold).partition(" ")
        alone = start.startswith(cold) and (threads == "1" or stage in FORKING)
        if warm and stage != ONLINE and alone:
            client = shlex.quote(str(self.library / WARM_CLIENT))
            start = f"{self.python} -I -S {client} {start.removeprefix(self.python + ' -m ')}"
        words += [parent_watch.IN_SHELL, start]
        flags: set[str] = set()
        for flag, value in files_and_wildcards:
            if flag in flags:
                raise ValueError(f"stage {stage}: {flag} is the name of two files or wildcards")
            flags.add(flag)
            values = [value] if isinstance(value, str) else value
            words.append(" ".join([f"--{flag}", *(shlex.quote(str(part)) for part in values)]))
        return " ".join([*words, "--settings", *map(shlex.quote, settings)])

    def start(self, stage: str, threads: int) -> str:
        """Return what starts a stage that is a single process."""
        return f"{self.python} -m epigpt.stages.{stage} --threads {threads}"
