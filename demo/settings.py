"""How much the demo API has and how it behaves: one record, and the flags of every command that starts an API.

Enters: a command line. Leaves: `ApiSettings`, which `stack.py` turns into flags again for the API's own process.
"""

import argparse
import dataclasses


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
        if self.ids < 0 or self.page_size < 1 or self.latency_ms < 0 or self.throttle < 0:
            raise ValueError("--page-size must be at least 1; --ids, --latency-ms and --throttle must not be negative")
        if not 0 <= self.failure_rate < 1:
            raise ValueError("--failure-rate must be at least 0 and below 1: an API that always fails serves no id")

    def flags(self) -> list[str]:
        """The settings as command-line flags."""
        pairs = dataclasses.asdict(self).items()
        return [text for name, value in pairs for text in (f"--{name.replace('_', '-')}", str(value))]


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
