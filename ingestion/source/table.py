"""A table of a sources file: it cannot change, knows its keys, and shows no value in an error."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """The base of all that `sources.toml` describes."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)
