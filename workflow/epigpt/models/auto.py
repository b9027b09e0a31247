"""Registration of our model class with transformers' Auto classes, put off until somebody imports those.

`import epigpt` runs in every job; importing transformers there would cost each of them seconds.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

AUTO_CONFIG = "transformers.models.auto.configuration_auto"
AUTO_MODELS = "transformers.models.auto.modeling_auto"
# Names, not imports: nothing that imports epigpt shall depend on the code of the models.
OUR_CONFIGURATION, OUR_MODEL = "epigpt.models.configuration", "epigpt.models.gene_values"


def install() -> None:
    """Register with each Auto class now if it is loaded, else as soon as it is."""
    for name, register in ((AUTO_CONFIG, _register_configuration), (AUTO_MODELS, _register_model)):
        if name in sys.modules:
            register(sys.modules[name])
        elif not any(isinstance(finder, _AfterImport) and finder.name == name for finder in sys.meta_path):
            sys.meta_path.insert(0, _AfterImport(name, register))


def _register_configuration(auto: ModuleType) -> None:
    ours = importlib.import_module(OUR_CONFIGURATION)
    auto.AutoConfig.register(ours.MODEL_TYPE, ours.GeneValuesConfig, exist_ok=True)


def _register_model(auto: ModuleType) -> None:
    ours = importlib.import_module(OUR_MODEL)
    auto.AutoModelForSequenceClassification.register(ours.GeneValuesConfig, ours.GeneValuesForSequenceClassification, exist_ok=True)


class _AfterImport(importlib.abc.MetaPathFinder):
    """Finds one module like everybody else and calls `then` with it once it has run."""

    def __init__(self, name: str, then: Callable[[ModuleType], None]) -> None:
        self.name = name
        self.then = then

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def run_then_register(module: ModuleType) -> None:
                run(module)
                self.then(module)

            spec.loader.exec_module = run_then_register  # type: ignore[method-assign]
        return spec
