"""Changes to a file's bytes, as Hypothesis draws and shrinks them."""

from dataclasses import dataclass
from random import Random

from hypothesis import strategies as st

_MOST = 10**9
# As lengths and positions are stored, in four or eight bytes.
_NUMBERS = (2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1)
# What tends to break readers, put in at random places.
TOKENS = [
    b"\0",
    b"\xff\xfe",
    b"\r",
    b"\n",
    b"\t",
    b",",
    b'"',
    b"'",
    b"NA",
    b"n.d.",
    b"-1",
    b"1e400",
    b"nan",
    b"=1+1",
    b"9" * 40,
    b"\xf0\x9f\xa7\xac",
    b"count" * 40,
    b"<![<![",
    b"&a;",
    b"{{}}",
    b"*a",
    b"x" * 200_000,
    b"0x10",
    b"../",
    b"TRUE",
]


@dataclass(frozen=True)
class Change:
    """One change; places are shares of a billion, so that they fit files of any length."""

    how: str
    place: int
    length: int
    value: int

    def applied(self, content: bytes) -> bytes:
        """Return the changed content."""
        at = self.place * len(content) // _MOST
        part = content[at : at + self.length]
        number = _NUMBERS[self.value % len(_NUMBERS)]
        packed = number.to_bytes(8, "little")[: 4 if number < 2**32 else 8]
        flipped = bytes([content[at] ^ (1 << self.value % 8)]) if at < len(content) else b""
        new, replaced = {
            "flip": (flipped, 1),
            "set": (bytes([self.value % 256]), 1),
            "delete": (b"", self.length),
            "double": (part + part, self.length),
            "zero": (b"\0" * len(part), self.length),
            "cut": (b"", len(content)),
            "insert": (TOKENS[self.value % len(TOKENS)], 0),
            "huge": (packed, len(packed)),
        }[self.how]
        return content[:at] + new + content[at + replaced :]


def changes(text: bool) -> st.SearchStrategy[list[Change]]:
    """Draw one to four changes; text gets tokens more often, binary files huge numbers."""
    ways = ["flip", "set", "delete", "double", "zero", "cut", "insert"]
    ways += ["insert", "insert"] if text else ["huge", "huge", "flip"]

    # Hypothesis draws whole numbers that are small or round; places shall lie anywhere in a file.
    def build(how: str, source: Random) -> Change:
        return Change(how, source.randrange(_MOST), source.randint(1, 300), source.randrange(10**6))

    change = st.builds(build, st.sampled_from(ways), st.integers(0, 2**62).map(Random))
    return st.lists(change, min_size=1, max_size=4)
