"""Registration of our model class with transformers' Auto classes, put off until somebody imports
it.

`import epigpt` runs in every job; importing transformers there would cost each of them seconds.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType

# A name, not an import: nothing that imports epigpt may depend on the code of the models. The
# module registers its class itself.
OUR_MODEL = "epigpt.models.gene_values"


def install() -> None:
    """Register now if transformers is loaded, else as soon as it is."""
    if "transformers" in sys.modules:
        _register()
    elif not any(isinstance(finder, _AfterTransformers) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterTransformers())


class _AfterTransformers(importlib.abc.MetaPathFinder):
    """Finds the package transformers like everybody else and registers our class once the package
    has run.

    Not after the module of the Auto classes itself: that one is imported from half-way inside
    GPT-2's own modules.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "transformers":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_then_register(module: ModuleType) -> None:
                run(module)
                _register()

            spec.loader.exec_module = run_then_register  # type: ignore[method-assign]
        return spec


def _register() -> None:
    # Without torch there is no model to open; transformers itself is of use without it.
    if importlib.util.find_spec("torch") is not None:
        importlib.import_module(OUR_MODEL)
