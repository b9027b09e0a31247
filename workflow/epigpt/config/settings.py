"""Typed settings: the one source of the schema, the commented config.yaml and its documentation
table.

Hardware is deliberately absent: threads, memory, partitions and GPU counts live in profiles and
hardware presets, so that moving a run to another machine changes neither its results nor what
Snakemake considers out of date.
"""

from typing import Any

from pydantic import BaseModel

from epigpt.config.settings_data import DataSettings
from epigpt.config.settings_evaluation import EvaluationSettings
from epigpt.config.settings_model import ModelSettings


# pydantic lists the keys of the last base first.
class Settings(EvaluationSettings, ModelSettings, DataSettings):
    """Everything that decides a result, apart from the rows of the data set table."""

    def value(self, key: str) -> Any:
        """Return the setting under a dotted key such as `geo.base_url`; KeyError for an unknown
        one."""
        value: Any = self
        for part in key.split("."):
            if not isinstance(value, BaseModel) or part not in type(value).model_fields:
                raise KeyError(key)
            value = getattr(value, part)
        return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def keys(section: type[BaseModel] = Settings, prefix: str = "") -> dict[str, Any]:
    """List every dotted key with its pydantic field, in the order of definition."""
    listed: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            listed.update(keys(field.annotation, f"{prefix}{name}."))
        else:
            listed[f"{prefix}{name}"] = field
    return listed
