"""`sluice watermark show`, `set`, `reset`: where the next run of an incremental source begins."""

from typing import Any
from urllib.parse import quote

import click

from terminal.body import pairs
from terminal.command import Group
from terminal.control import YES
from terminal.session import Session, row, table
from terminal.words import moment

PARAMS = click.option(
    "--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter: each set has its own watermark."
)


@click.group(cls=Group, epilog="\b\nExample:\n  sluice watermark show orders")
def watermark() -> None:
    """Show and change where the next run of a source begins."""


@watermark.command(example="sluice watermark show orders")
@click.argument("source")
@PARAMS
@click.pass_obj
def show(session: Session, source: str, params: tuple[str, ...]) -> None:
    """Show the watermark of SOURCE."""
    show_mark(session, session.api.get(route(source), **pairs(params)))


@watermark.command("set", example="sluice watermark set orders 2026-11-01T00:00:00Z")
@click.argument("source")
@click.argument("value")
@PARAMS
@YES
@click.pass_obj
def set_to(session: Session, source: str, value: str, params: tuple[str, ...], yes: bool) -> None:
    """Set the watermark of SOURCE.

    The next run begins there.
    """
    change(session, source, params, f"Set it to {value}?", yes, "PUT", json={"value": value})


@watermark.command(example="sluice watermark reset orders --yes")
@click.argument("source")
@PARAMS
@YES
@click.pass_obj
def reset(session: Session, source: str, params: tuple[str, ...], yes: bool) -> None:
    """Reset the watermark of SOURCE.

    The next run begins at `start` in the source's description; without `start`, it reads everything.
    """
    change(session, source, params, "Reset it, so that the next run reads everything again?", yes, "DELETE")


def change(
    session: Session, source: str, params: tuple[str, ...], question: str, yes: bool, method: str, **body: Any
) -> None:
    """Ask, and change the watermark; the app refuses if the watermark has changed since it was shown (If-Match)."""
    given = pairs(params)
    found = session.api.ask("GET", route(source), params=given)
    now = session.api.document(found)
    which = " ".join([source, *(f"{name}={value}" for name, value in now["parameters"].items())])
    session.agree(f"The watermark of {which} is {now['value'] or 'not set yet'}. {question}", yes=yes)
    headers = {"If-Match": found.headers["ETag"]}
    show_mark(session, session.api.send(method, route(source), params=given, headers=headers, **body))


def route(source: str) -> str:
    """Return the route of a source's watermark."""
    return f"/sources/{quote(source, safe='')}/watermark"


def show_mark(session: Session, found: dict[str, Any]) -> None:
    """Print a watermark."""
    parameters = ", ".join(f"{name}={value}" for name, value in found["parameters"].items())
    rows = table("source", "parameters", "value", "before", "moved by", "at")
    values = ["none" if found[name] is None else found[name] for name in ("value", "previous")]
    row(rows, found["source"], parameters, *values, found["moved_by"] or "", moment(found["moved_at"]))
    session.data(found, rows)
