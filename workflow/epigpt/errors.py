"""The one way in which EpiGPT says no: what was found, where, why it cannot be used, and what
settles it."""

import difflib
from collections.abc import Sequence


class InputError(Exception):
    """A user's mistake, or data that would be guessed at; shown as one message, never as a
    traceback.

    Parameters
    ----------
    found
        What was met, quoted where short ("column 'sx'", "404 Not Found").
    where
        File, row, key or address it was met in.
    why
        Why it cannot be used.
    remedy
        The key, cell or command that settles it.
    """

    def __init__(self, found: str, where: str, why: str, remedy: str) -> None:
        self.found = found
        self.where = where
        self.why = why
        self.remedy = remedy
        super().__init__(found, where, why, remedy)

    def __str__(self) -> str:
        return (
            f"{self.found}\n  where:  {self.where}\n  why:    {self.why}\n  remedy: {self.remedy}"
        )


def nearest_name(name: str, names: Sequence[str]) -> str | None:
    """Give the known name that a mistyped one most likely means, or None."""
    close = difflib.get_close_matches(
        name.lower(), {known.lower(): known for known in names}, n=1, cutoff=0.6
    )
    return next((known for known in names if close and known.lower() == close[0]), None)
