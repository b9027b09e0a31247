"""The map of the house in docs/house.md: every room is on it, and a room imports only rooms above
it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "epigpt"


def rooms(root: Path) -> list[str]:
    text = (root / "docs" / "house.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(\w+)` \|", text.split("Around it")[0], re.MULTILINE)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_every_room_is_on_the_map(root: Path) -> None:
    package = root / "workflow" / PACKAGE
    there = {
        path.stem
        for path in package.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").is_file()) and path.stem[0] != "_"
    }
    assert there == set(rooms(root))


def test_no_room_imports_a_later_one(root: Path) -> None:
    order = {name: position for position, name in enumerate(rooms(root))}
    package = root / "workflow" / PACKAGE
    back = []
    for path in package.rglob("*.py"):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for name in imported(path):
            of_package, _, rest = name.partition(".")
            to = rest.partition(".")[0]
            if of_package == PACKAGE and order.get(to, -1) > order[room]:
                back.append(f"{path.relative_to(package)} imports {name}")
    assert back == []
