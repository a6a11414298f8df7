"""How much the demo API has and how it behaves: one record, and the flags of every command that starts an API.

Enters: a command line. Leaves: `ApiSettings`, which `stack.py` turns into flags again for the API's own process.
"""

import argparse
import dataclasses
import math


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """The flags of the command line have the same names; 0 turns a kind of misbehaviour off."""

    ids: int = 100_000
    page_size: int = 1_000
    latency_ms: float = 0.0
    failure_rate: float = 0.0
    throttle: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("ids", 0), ("page_size", 1), ("latency_ms", 0), ("throttle", 0)):
            value = getattr(self, name)
            if not least <= value < math.inf:  # which nan is not either
                raise ValueError(f"{flag(name)} must be a finite number, at least {least}, not {value}")
        if not 0 <= self.failure_rate < 1:
            raise ValueError(f"--failure-rate must be at least 0 and below 1, not {self.failure_rate}")

    def flags(self) -> list[str]:
        """The settings as command-line flags."""
        pairs = dataclasses.asdict(self).items()
        return [text for name, value in pairs for text in (flag(name), str(value))]


def flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def port_number(text: str) -> int:
    """What `--port` takes."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The settings of the API, for each command that starts one."""
    default, api = ApiSettings(), parser.add_argument_group("the demo API")
    api.add_argument("--ids", type=int, default=default.ids, help="how many ids it has (default: %(default)s)")
    api.add_argument(
        "--page-size", type=int, default=default.page_size, help="most ids in a page (default: %(default)s)"
    )
    api.add_argument("--latency-ms", type=float, default=default.latency_ms, help="time added to each page")
    api.add_argument(
        "--failure-rate", type=float, default=default.failure_rate, help="share of requests that fail, 0 to 1"
    )
    api.add_argument(
        "--throttle", type=float, default=default.throttle, help="requests per second before it answers 429"
    )
    api.add_argument("--seed", type=int, default=default.seed, help="other ids, and other failures, for another seed")


def settings_from(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> ApiSettings:
    """The record in the parsed flags; a value that makes no sense is the parser's error."""
    try:
        return ApiSettings(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(ApiSettings)})
    except ValueError as error:
        parser.error(str(error))
