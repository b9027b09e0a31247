"""EpiGPT: from a GEO accession to a fine-tuned GPT-2 and an honest report.

The public names take and give AnnData objects and pandas tables. Each is imported when it is first
used, so that `import epigpt` loads nothing but this file and a hook: once transformers is imported,
before or after, its Auto classes know EpiGPT's model class.
"""

import importlib
from typing import Any

from epigpt.models import auto as _auto

__version__ = "0.1.0"
_MODULES = {
    "load_results": "epigpt.results",
    "encode": "epigpt.prediction.of_anndata",
    "load_model": "epigpt.prediction.of_anndata",
    "predict": "epigpt.prediction.of_anndata",
    "plan": "epigpt.training.planning",
}
__all__ = ["__version__", *_MODULES]  # noqa: PLE0604 - all are text

_auto.install()


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'epigpt' has no attribute '{name}'")
    found = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
