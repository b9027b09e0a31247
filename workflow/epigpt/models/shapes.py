"""GPT-2s of any shape, by names that say it: gpt2-6x768, gpt2-10x640-8heads,
gpt2-4x256-512positions."""

import re
from dataclasses import dataclass

HEAD_WIDTH, POSITIONS = 64, 1024
_NAME = re.compile(
    r"gpt2-(?P<layers>[1-9]\d{0,3})x(?P<width>[1-9]\d{0,4})"
    r"(-(?P<heads>[1-9]\d{0,3})heads)?(-(?P<positions>[1-9]\d{0,5})positions)?"
)


@dataclass(frozen=True)
class Shape:
    """Blocks, their width, heads of attention, and the longest sequence.

    Attributes
    ----------
    positions
        At most GPT-2's 1,024: no encoding asks for more.
    """

    layers: int
    width: int
    heads: int
    positions: int = POSITIONS

    @property
    def name(self) -> str:
        """The shape in one word."""
        usual = self.heads * HEAD_WIDTH == self.width
        heads = "" if usual else f"-{self.heads}heads"
        positions = "" if self.positions == POSITIONS else f"-{self.positions}positions"
        return f"gpt2-{self.layers}x{self.width}{heads}{positions}"


def read(name: str) -> Shape | None:
    """Return the shape that a name says; None where it says none, or one that no GPT-2 can have."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    width = int(found["width"])
    heads = int(found["heads"] or width // HEAD_WIDTH)
    positions = min(int(found["positions"] or POSITIONS), POSITIONS)
    possible = heads > 0 and width % heads == 0 and (found["heads"] or width % HEAD_WIDTH == 0)
    return Shape(int(found["layers"]), width, heads, positions) if possible else None
