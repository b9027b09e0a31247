"""What every part of the settings is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Keys that belong together: unknown ones are errors, values are of the very type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
