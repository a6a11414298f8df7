"""How much the demo API has and how it behaves: one record, and the flags of every command that starts an API.

Enters: a command line. Leaves: `ApiSettings`, which `stack.py` turns into flags again for the API's own process.
"""

import argparse

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class ApiSettings(BaseModel):
    """The flags of the command line have the same names; 0 turns a kind of misbehaviour off."""

    model_config = ConfigDict(frozen=True)

    ids: int = Field(default=100_000, ge=0, description="how many ids it has (default: %(default)s)")
    page_size: int = Field(default=1_000, ge=1, description="most ids in a page (default: %(default)s)")
    latency_ms: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="time added to each page")
    failure_rate: float = Field(default=0.0, ge=0, lt=1, description="share of requests that fail, 0 to 1")
    throttle: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="requests a second before it answers 429"
    )
    seed: int = Field(default=0, description="other ids, and other failures, for another seed")

    def flags(self) -> list[str]:
        """Return the settings as command-line flags."""
        return [text for name, value in self for text in (flag(name), str(value))]


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the settings of the API, for each command that starts one."""
    api = parser.add_argument_group("the demo API")
    for name, field in ApiSettings.model_fields.items():
        api.add_argument(flag(name), default=field.default, help=field.description)


def settings_from(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> ApiSettings:
    """Return the record in the parsed flags; a value that makes no sense is the parser's error."""
    try:
        return ApiSettings.model_validate(vars(arguments))
    except ValidationError as error:
        wrong = error.errors()[0]
        parser.error(f"{flag(str(wrong['loc'][0]))} {wrong['input']}: {wrong['msg']}")
