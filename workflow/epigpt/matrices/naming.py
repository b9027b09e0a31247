"""What the cell `matrix` names: files, members of archives (`book.tar/part.csv`), sheets of
workbooks (`book.xlsx/counts`) and blocks of columns (`table.csv/Total gene reads`)."""

from fnmatch import fnmatchcase


def named(path: str, pattern: str) -> bool:
    """Return whether a path is meant: the pattern fits the whole of it, one of its parts, or any
    run of whole parts, so that naming an archive or a workbook means all it holds."""
    if pattern == "auto":
        return True
    parts = path.split("/")
    runs = (
        "/".join(parts[start:end])
        for start in range(len(parts))
        for end in range(start + 1, len(parts) + 1)
    )
    return any(fnmatchcase(run, pattern) for run in runs)


def may_lead_to(path: str, pattern: str) -> bool:
    """Return whether a file may hold what is meant: the pattern's first parts fit the end of its
    path."""
    parts = pattern.split("/")
    return any(named(path, "/".join(parts[:end])) for end in range(1, len(parts)))
