"""The one way in which EpiGPT says no: what was found, where, why it cannot be used, and what
settles it."""

import difflib
import errno
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


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


# Faults of this machine, whatever file was being read or written when they showed.
_OF_THE_MACHINE = {
    errno.ENOSPC: ("no space left on the disk", "free some space"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or ask for a larger quota"),
    errno.EROFS: ("a file system that is read-only", "use a folder that can be written to"),
    errno.EACCES: ("no permission", "give yourself access to it, or use another folder"),
    errno.EPERM: ("no permission", "give yourself access to it, or use another folder"),
    errno.EMFILE: ("too many open files in this process", "raise the limit with `ulimit -n 1024`"),
    errno.ENFILE: ("too many open files on this machine", "end other programs, or try later"),
    errno.EIO: ("an input/output error of the disk", "check the disk; copy the data to another"),
}


_DISK_FULL = ("no space left on device", "errno = 28", "os error 28")
_QUOTA_USED = ("disk quota exceeded", "errno = 122", "os error 122")
# What numpy and PyTorch say of a write that the disk cut short.
_CUT_WRITE = re.compile(r"\d+ requested and \d+ written|inline_container\.cc.*unexpected pos")


def of_this_machine(error: BaseException) -> InputError | None:
    """Return the refusal for a full disk, a missing permission or the like; None for other
    errors."""
    if isinstance(error, MemoryError):
        return InputError(
            "not enough memory" + (f" ({error})" if str(error) else ""),
            "this machine",
            "what is being read or computed needs more than is free",
            "give the job more memory (`--set-resources RULE:mem_mb=…`), or take a smaller file",
        )
    number = _number(error)
    if number is None:
        behind = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return of_this_machine(behind) if isinstance(behind, OSError | MemoryError) else None
    found, remedy = _OF_THE_MACHINE[number]
    return InputError(
        found,
        str(getattr(error, "filename", "") or "the disk that results and temporary files lie on"),
        getattr(error, "strerror", "") or "the file cannot be written or read",
        f"{remedy}, then run the same command again",
    )


def _number(error: BaseException) -> int | None:
    """Return the system's number of a fault of the machine; None for other errors.

    Libraries that are not written in Python raise errors of their own, with the system's words."""
    number = getattr(error, "errno", None)
    if isinstance(error, OSError) and number in _OF_THE_MACHINE:
        return number
    text = str(error).lower()
    if any(word in text for word in _DISK_FULL) or _CUT_WRITE.search(text):
        return errno.ENOSPC
    if any(word in text for word in _QUOTA_USED):
        return errno.EDQUOT
    return None


@contextmanager
def refusing_foreign_errors(
    where: str,
    remedy: str = "fetch the file again, or name another one in the cell `matrix`",
    why: str = "the file is damaged, or is not what its name says",
) -> Iterator[None]:
    """Turn whatever a reader's libraries raise over a foreign file into one refusal.

    Every reader of files that strangers wrote, and every loader of models, runs inside this
    boundary. A refusal of ours passes unchanged; a fault of this machine is told as such. The
    error itself stays attached (`__cause__`) and goes into the job's log.

    Parameters
    ----------
    where
        The file.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        machine = of_this_machine(error)
        if machine is not None:
            raise machine from error
        shown = " ".join(str(error).split())[:200]
        name = type(error).__name__
        raise InputError(
            f"content that cannot be read ({name}: {shown})" if shown else f"unreadable ({name})",
            where,
            why,
            remedy,
        ) from error


def nearest_name(name: str, names: Sequence[str]) -> str | None:
    """Return the known name that a mistyped one most likely means, or None.

    >>> nearest_name("treatmnt", ["treatment"]), nearest_name("genotype", ["type"])
    ('treatment', None)
    """
    asked = name.lower()
    # A word within another is another word: who asks for the genotype does not mean the type.
    like = {
        known.lower(): known
        for known in names
        if 3 * min(len(known), len(name)) >= 2 * max(len(known), len(name))
        or known.lower().startswith(asked)
        or asked.startswith(known.lower())
    }
    close = difflib.get_close_matches(asked, like, n=1, cutoff=0.6)
    return like[close[0]] if close else None
