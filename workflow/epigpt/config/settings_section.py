"""What every part of the settings is made of."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Keys that belong together: unknown ones are errors, values are of the very type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @field_validator("*", mode="after")
    @classmethod
    def _each_once(cls, value: Any) -> Any:
        """Keep what a list names twice once: its scores would be counted twice."""
        return list(dict.fromkeys(value)) if isinstance(value, list) else value
