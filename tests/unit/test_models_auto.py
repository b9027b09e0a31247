"""Our class is known to the Auto classes however the imports come, and `import epigpt` stays
cheap."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FIRST_IMPORTS = [
    "from epigpt.models import classifier",
    "from epigpt.models.gene_values import GeneValuesForSequenceClassification",
    "from transformers import AutoConfig",
]
PROGRAM = """
import sys
import epigpt
assert not {{"torch", "transformers"}} & set(sys.modules), "import epigpt loads the models' libraries"
{first}
from transformers import AutoConfig, AutoModelForSequenceClassification
config = AutoConfig.for_model("epigpt-gene-values", n_layer=1, n_embd=8, n_head=2, vocab_size=10, n_positions=8, pad_token_id=0)
assert type(AutoModelForSequenceClassification.from_config(config)).__name__ == "GeneValuesForSequenceClassification"
"""


@pytest.mark.slow
@pytest.mark.parametrize("first", FIRST_IMPORTS)
def test_registered_whatever_is_imported_first(first: str, root: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow"), "OMP_NUM_THREADS": "1"}
    program = PROGRAM.format(first=first)
    finished = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=200,
    )
    assert finished.returncode == 0, finished.stderr
