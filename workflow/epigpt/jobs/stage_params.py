"""The params of a rule: the code of its stage, the settings it reads, and the command of its
jobs."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from epigpt.config.job_settings import JobSettings
from epigpt.jobs.command_line import Shell
from epigpt.provenance import fingerprint

_Function = TypeVar("_Function", bound=Callable[..., Any])


def signed(function: _Function) -> _Function:
    """Keep a function's signature with it: Snakemake asks for it several times in every job, which
    takes longer than the call."""
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return function


@dataclass(frozen=True)
class StageParams:
    """What turns a rule into the command that starts its stage.

    Attributes
    ----------
    shell
        What all commands begin with.
    settings
        What jobs are told.
    versions
        Whether the versions of libraries count as code, which in environments of the rules' own
        they do not.
    warm
        Returns whether a job may be forked from the run's warm process.
    """

    shell: Shell
    settings: JobSettings
    versions: bool
    warm: Callable[[], bool]

    def __call__(
        self,
        name: str,
        *keys: str,
        unwatched: Sequence[str] = (),
        launch: Callable[..., str] | None = None,
        everything: bool = False,
    ) -> dict[str, Any]:
        """Return the params of a rule.

        The command hands over every named input, every named output and every wildcard under its
        own name: `input: counts=…` arrives as `--counts …`. A change of code or of `keys` reruns
        the rule; one of `unwatched` keys does not: Snakemake leaves out of its comparison what
        depends on inputs, outputs, threads or resources.

        Parameters
        ----------
        name
            The stage.
        keys
            The settings it reads (`epigpt.config.job_settings`).
        unwatched
            More of them, which decide how a job goes about its work and not what it makes.
        launch
            Starts the stage where it is more than one process.
        everything
            Tell all settings, instead of `keys`.
        """

        @signed
        def settings(wildcards: Any) -> str:
            if everything:
                return self.settings.everything(wildcards)
            return self.settings.chosen(keys, wildcards)

        # Snakemake passes arguments by these names.
        @signed
        def command(wildcards: Any, input: Any, output: Any, threads: int, resources: Any) -> str:  # noqa: A002
            start = launch(name, resources, threads) if launch else self.shell.start(name, threads)
            named = [*input.items(), *output.items(), *wildcards.items()]
            given = [settings(wildcards)]
            if unwatched:
                given.append(self.settings.chosen(unwatched, wildcards))
            return self.shell.command(name, named, given, start, warm=self.warm())

        code = fingerprint.by_folder(name, versions=self.versions)
        return {"command": command, "settings": settings} | {
            f"code_{number}": part for number, part in enumerate(code)
        }
