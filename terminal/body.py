"""The options that `start` and `plan` share, and the request body made from them."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

Body = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])

OPTIONS = (
    click.option("--run-id", metavar="ID", help="The id of the run; repeating the same start changes nothing."),
    click.option("--chunk-size", type=int, metavar="N", help="Messages in a chunk."),
    click.option("--tolerated-failures", metavar="SHARE", help="Share of the messages that may fail, such as 1%."),
    click.option("--total-is-exact", is_flag=True, help="Fail if the source has more or fewer items than it says."),
    click.option("--from", "since", metavar="MARK", help="Read a range that begins at this time or number (included)."),
    click.option("--to", "until", metavar="MARK", help="Read a range that ends at this time or number (excluded)."),
    click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A source parameter; repeatable."),
)


def body_options(command: F) -> F:
    """Add the options of a start to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def body(source: str, since: str | None, until: str | None, params: Iterable[str], **given: Any) -> Body:
    """Return the body of a start, without the options that are not given."""
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
