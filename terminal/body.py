"""The options of a start, which a plan takes as well, and the body that is made of them."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

Body = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = (
    click.option("--run-id", metavar="ID", help="A name for the run: the same start again is the same run."),
    click.option("--chunk-size", type=int, metavar="N", help="Messages of a chunk."),
    click.option("--tolerated-failures", metavar="SHARE", help="Share of the messages that may fail, such as 1%."),
    click.option("--total-is-exact", is_flag=True, help="Fail if the source has another number of items than it says."),
    click.option("--from", "since", metavar="MARK", help="Read a range: all that is at or after this."),
    click.option("--to", "until", metavar="MARK", help="Read a range: all that is before this."),
    click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated."),
)


def body_options(command: F) -> F:
    """Give a command the options of a start."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def body(source: str, since: str | None, until: str | None, params: Iterable[str], **given: Any) -> Body:
    """Return the body of a start; what is not given is left to the app."""
    made = {"source": source, "from": since, "to": until, "parameters": pairs(params), **given}
    return {name: value for name, value in made.items() if value is not None and value is not False and value != {}}


def pairs(params: Iterable[str]) -> dict[str, str]:
    """Return NAME=VALUE texts as a dictionary. Raise a usage error."""
    found: dict[str, str] = {}
    for text in params:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--param")
        found[name] = value
    return found
