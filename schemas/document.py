"""A document of the store, such as a manifest, a stage's marker or an alarm."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Frozen; unknown keys are refused, since a newer format bumps the store's version."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
