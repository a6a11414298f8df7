"""The settings of the demo API: one record, and the flags of every command that starts the API.

Input: a command line. Output: `ApiSettings`, which `stack.py` turns into flags again for the process of the API.
"""

import argparse

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class ApiSettings(BaseModel):
    """Each field has a flag of the same name; 0 turns a latency, failure or limit off."""

    model_config = ConfigDict(frozen=True)

    ids: int = Field(default=100_000, ge=0, description="number of ids (default: %(default)s)")
    page_size: int = Field(default=1_000, ge=1, description="most ids in a page (default: %(default)s)")
    latency_ms: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="delay of each page")
    failure_rate: float = Field(default=0.0, ge=0, lt=1, description="share of requests that fail, 0 to 1")
    throttle: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="requests per second above which the API answers 429"
    )
    seed: int = Field(default=0, description="another seed gives other ids and other failures")

    def flags(self) -> list[str]:
        """Return the settings as command-line flags."""
        return [text for name, value in self for text in (flag(name), str(value))]


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the API to a command that starts one."""
    api = parser.add_argument_group("the demo API")
    for name, field in ApiSettings.model_fields.items():
        api.add_argument(flag(name), default=field.default, help=field.description)


def settings_from(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> ApiSettings:
    """Return the settings from the parsed flags; report an invalid value as the parser's error."""
    try:
        return ApiSettings.model_validate(vars(arguments))
    except ValidationError as error:
        wrong = error.errors()[0]
        parser.error(f"{flag(str(wrong['loc'][0]))} {wrong['input']}: {wrong['msg']}")
