"""What a run shows: a line for each stage that begins, how far it is, and about how long it takes
still."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# Seconds that the jobs of each rule take together, as JSON, where they have been planned.
EXPECTED = "EPIGPT_EXPECTED_SECONDS"
# Number of the open file that is the screen, where what jobs say goes elsewhere.
SCREEN = "EPIGPT_SCREEN"
# A job of which nothing is known: a process starts, reads, computes little and writes.
_USUAL_SECONDS = 8.0
# Where lines are not written over, the reader hears of the run at least so often, in seconds.
_SILENCE = 60.0
IN_WORDS = {
    "download": "downloading",
    "counts": "reading the counts",
    "expression": "quality control",
    "differential_expression": "differential expression",
    "folds": "drawing the folds",
    "foregone": "looking for confounders",
    "encode": "encoding samples",
    "weights": "fetching pretrained weights",
    "adapt": "pretraining on the samples",
    "baseline": "baselines",
    "baseline_null": "baselines under permuted labels",
    "learning_curve": "learning curve",
    "cell_types": "kinds of cells",
    "models": "training GPT-2 and attributing it",
    "models_and_attributions": "training GPT-2 and attributing it",
    "train": "training GPT-2",
    "attributions": "attributing the models to genes",
    "comparison": "training GPT-2's variants",
    "redraw": "training on further draws of the folds",
    "null": "training under permuted labels",
    "locus": "asking where the deciding genes lie",
    "evaluate": "evaluating",
    "enrichment": "gene sets in the ranking of genes",
    "markers": "marker genes and claims",
    "model_answer": "the model's card",
    "transfer_join": "joining the series of a transfer",
    "transfer_encode": "encoding for a transfer",
    "transfer_train": "training for a transfer",
    "transfer": "testing on another series",
    "transfer_table": "table of transfers",
    "corpus_download": "downloading a series of the corpus",
    "corpus_series": "reading a series of the corpus",
    "corpus_table": "table of the corpus",
    "pretrain": "pretraining on the corpus",
    "provenance": "provenance",
    "report": "writing the report",
    "crate": "RO-Crate",
    "index": "writing the index",
}
# The target itself makes nothing.
_TARGETS = ("all", "fetch")


@dataclass
class RunScreen:
    """Turns what Snakemake tells of a run into few lines.

    Attributes
    ----------
    write
        Writes to the screen; gets text with its line ends.
    live
        Whether the last line may be written over, as on a terminal; else each stage gets a line.
    expected
        Seconds that the jobs of a rule take together.
    clock
        Seconds that only ever grow.
    """

    write: Callable[[str], object]
    live: bool = False
    expected: Mapping[str, float] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    columns: int = 100

    def __post_init__(self) -> None:
        self._began = self._last = self.clock()
        self._jobs: dict[int, tuple[str, str]] = {}
        self._planned: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._told: set[tuple[str, str]] = set()
        self._done = self._total = 0
        self._drawn = 0

    def planned(self, jobs: Mapping[str, int]) -> None:
        """Take the number of jobs of each rule that are to run."""
        self._planned = Counter({name: n for name, n in jobs.items() if name != "total"})
        self._total = sum(self._planned.values())
        self.say(f"{self._total} jobs to run, more where a stage decides which.")

    def begun(self, job: int, rule: str, dataset: str) -> None:
        """Note that a job has started; the first of its rule and data set gets a line."""
        self._jobs[job] = (rule, dataset)
        if rule in _TARGETS:
            return
        if (rule, dataset) not in self._told and not self.live:
            self._told.add((rule, dataset))
            self.say(
                f"{self._clock()}  {self._how_far()}{self._stage(rule, dataset)}{self._still()}"
            )
        self._draw()

    def ended(self, job: int) -> None:
        """Note that a job has finished."""
        rule, _ = self._jobs.pop(job, ("", ""))
        if rule:
            self._ended[rule] += 1
        self._draw()

    def progress(self, done: int, total: int) -> None:
        """Take Snakemake's count of jobs, which grows where a stage decides on further ones."""
        self._done, self._total = done, total
        if not self.live and self.clock() - self._last >= _SILENCE and done < total:
            self.say(f"{self._clock()}  {done} of {total} done{self._still()}")
        self._draw()

    def failed(self, rule: str, dataset: str, log: str) -> None:
        """Say that a job has failed; its log and the list that ends the run say why."""
        self.say(
            f"{self._clock()}  FAILED: {self._stage(rule, dataset)}" + (f"; log: {log}" * bool(log))
        )

    def say(self, text: str) -> None:
        """Write lines that stay."""
        self._wipe()
        self._last = self.clock()
        self.write(text.rstrip("\n") + "\n")
        self._draw()

    def close(self) -> None:
        """Take the last line away."""
        self._wipe()
        self.live = False

    def seconds_left(self) -> float | None:
        """Return about how many seconds the run takes still; None before anything is known.

        What was expected of the jobs that ended is held against the time they took, so that a
        machine slower than thought shows in what is left.
        """
        if not self._ended:
            return None
        left = sum(
            self._of_one(rule) * max(0, number - self._ended[rule])
            for rule, number in self._planned.items()
        )
        known = sum(self._planned.values())
        left += _USUAL_SECONDS * max(0, self._total - known)
        spent = sum(self._of_one(rule) * number for rule, number in self._ended.items())
        return left * (self.clock() - self._began) / max(spent, 1e-9)

    def _of_one(self, rule: str) -> float:
        if rule in _TARGETS:
            return 0.0
        together = self.expected.get(rule)
        if together is None:
            return _USUAL_SECONDS
        return together / max(1, self._planned[rule], self._ended[rule])

    def _still(self) -> str:
        left = self.seconds_left()
        return "" if left is None else f"  (about {in_words(left)} left)"

    def _how_far(self) -> str:
        return f"{self._done + 1} of {self._total}  " if self._total else ""

    def _clock(self) -> str:
        minutes, seconds = divmod(int(self.clock() - self._began), 60)
        return f"{minutes:3d}:{seconds:02d}"

    @staticmethod
    def _stage(rule: str, dataset: str) -> str:
        words = IN_WORDS.get(rule, rule.replace("_", " "))
        return f"{words}, {dataset}" if dataset else words

    def _draw(self) -> None:
        if not self.live:
            return
        stages = dict.fromkeys(
            self._stage(*job) for job in self._jobs.values() if job[0] not in _TARGETS
        )
        left = self.seconds_left()
        parts = [
            f"{self._done} of {self._total} jobs" if self._total else "planning",
            "" if left is None else f"about {in_words(left)} left",
            "; ".join(stages),
        ]
        line = f"{self._clock()}  " + " · ".join(part for part in parts if part)
        line = line if len(line) < self.columns else line[: self.columns - 2] + "…"
        self.write("\r" + line + " " * max(0, self._drawn - len(line)))
        self._drawn = len(line)

    def _wipe(self) -> None:
        if self._drawn:
            self.write("\r" + " " * self._drawn + "\r")
            self._drawn = 0


def in_words(seconds: float) -> str:
    """Return a duration in the unit that suits it, not more precise than it can be known."""
    if seconds < 90:
        return f"{max(10, round(seconds / 10) * 10)} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def expected_seconds() -> dict[str, float]:
    """Return what the environment says of the run's jobs; nothing where it says nothing usable."""
    try:
        given = json.loads(os.environ.get(EXPECTED, "{}"))
        return {str(rule): float(seconds) for rule, seconds in given.items()}
    except (ValueError, AttributeError, TypeError):
        return {}
