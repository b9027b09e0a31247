"""What many single cells cost beside the models, which see as many of each donor however many there
are.

Slopes between 10,000 and 100,000 cells of 20,000 genes, 9 % of them seen in a cell (docs/scale.md).
"""

from dataclasses import dataclass
from typing import Literal

from epigpt.dataset import cell_sample
from epigpt.training import dataset_cost
from epigpt.training.memory_model import GB

SECONDS_A_CELL = 1.9e-3
# The raw counts, which are held together once; everything else goes through them block by block.
BYTES_A_CELL = 14_500
# Those, and expression.h5ad, which is packed.
DISK_A_CELL = 19_000
_LIBRARIES = 0.3 * GB


@dataclass(frozen=True)
class Cells:
    """Single cells of a data set.

    Attributes
    ----------
    number
        How many.
    drawn
        Of those, how many train and test models.
    """

    number: int
    drawn: int

    @property
    def memory(self) -> int:
        """Bytes of the largest stage beside the models."""
        return int(_LIBRARIES + BYTES_A_CELL * self.number)

    def sentence(self) -> str:
        """Return what the other stages take."""
        seconds, disk = SECONDS_A_CELL * self.number, DISK_A_CELL * self.number
        return (
            f"models see {self.drawn:,} of {self.number:,} (key cells_per_donor), or the sums of"
            f" samples that have {cell_sample.DEEP_COUNTS:,} counts each; with more cells the other"
            f" stages grow by {dataset_cost.duration(seconds)}, to {self.memory / GB:.1f} GB of"
            f" memory and {disk / GB:.1f} GB of disk, by the slopes of docs/scale.md"
        )


def of(number: int, units: int, asked: int | Literal["auto"]) -> Cells:
    """Return what is drawn of this many cells, by the key cells_per_donor.

    Parameters
    ----------
    units
        Donors, times their classes where a donor holds several.
    """
    return Cells(number, min(number, units * cell_sample.each(asked, units)))
