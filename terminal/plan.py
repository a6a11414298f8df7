"""`sluice plan`: show what a start would do, without doing it; with --url, describe a new API."""

import asyncio
from collections.abc import Iterable
from typing import Any

import click

from terminal.body import body, body_options, pairs
from terminal.command import Command
from terminal.ending import Code
from terminal.session import Session, row, table
from terminal.unknown_api import describe
from terminal.words import clean, count, duration, one_line

SECONDS = 120.0  # the app reads two pages and answers within this time


@click.command(cls=Command, example="sluice plan orders --from 2026-11-01T00:00:00Z")
@click.argument("source", required=False)
@click.option("--url", "api_url", metavar="URL", help="Describe this API: print a table for it.")
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="With --url: a header; repeatable.")
@body_options
@click.pass_obj
def plan(session: Session, /, source: str | None, api_url: str | None, headers: tuple[str, ...], **given: Any) -> int:
    """Show what a start of SOURCE would do.

    The app reads at most two pages; it stores nothing and sends nothing. The exit code is 1 if the plan has a problem.

    With --url instead of SOURCE, sluice asks a new API from this machine and prints the table of sources.toml that
    describes it. It sends the credentials in --header and --param to that API, and does not print them.
    """
    if source is not None and api_url is not None:
        problem = "Give either SOURCE, or --url with the address of an API. To name the app, write --url before plan:"
        raise click.UsageError(f"{problem} sluice --url {api_url} plan {source}")
    if source is None and api_url is None:
        raise click.UsageError("Give SOURCE, the name of a source, or --url with the address of an API.")
    if api_url is not None:
        return _table(session, api_url, headers, given)
    assert source is not None
    if headers:
        raise click.UsageError("--header needs --url; the headers of a source are in its table.")
    found = session.api.send("POST", "/plan", json=body(source, **given), timeout=SECONDS)
    problems = [f"problem: {one['field']}: {one_line(one['message'])}" for one in found["problems"]]
    session.data(found, *_shown(found), *problems)
    return Code.FAILED if problems else Code.COMPLETED


def _shown(plan: dict[str, Any]) -> list[Any]:
    """Return a plan as tables."""
    expect = plan["expect"]
    facts = table("", "")
    facts.show_header = False
    page_items = "" if plan["page_items"] is None else f", {count(plan['page_items'])} items on the first"
    if not plan["pages_read"]:  # the problems say why
        return []
    row(facts, "read", f"{_pages(plan['pages_read'])}{page_items}")
    row(facts, "next page", one_line(plan["next"] or "none"))
    row(facts, "total", count(plan["total"]))
    row(facts, "end", one_line(plan["end"]))
    if expect["items"] is not None:
        row(facts, "expect", f"{count(expect['items'])} items on {_pages(expect['pages'])}")
    if expect["transactions"] is not None:
        row(facts, "time", duration(expect["seconds"]))
        row(facts, "instances", count(expect["instances"]))
        row(facts, "transactions", _kinds(expect["transactions"]))
        row(facts, "money", _money(expect["money"]))
    row(facts, "rests on", one_line(expect["rests_on"]))
    messages = table("key", ">bytes", "message, before it is encoded")
    for one in plan["items"]:
        packed = f" ({count(one['messages'])} messages)" if one["messages"] > 1 else ""
        row(messages, one["key"], f"{count(one['bytes'])}{packed}", clean(one["text"]))
    return [facts, *([messages] if plan["items"] else [])]


def _pages(number: int) -> str:
    return f"{count(number)} page{'s' * (number != 1)}"


def _kinds(transactions: dict[str, Any]) -> str:
    """Return the number of transactions in total and by kind, the largest first."""
    kinds = {name: number for name, number in transactions.items() if name not in ("total", "rests_on") and number}
    each = (f"{name.replace('_', ' ')} {count(kinds[name])}" for name in sorted(kinds, key=lambda name: -kinds[name]))
    return f"{count(transactions['total'])}: {', '.join(each)}"


def _money(money: dict[str, Any]) -> str:
    """Return the estimate of the cost, with what it leaves out and its basis."""
    left_out = f", without {', '.join(money['without'])}" if money["without"] else ""
    return f"about {money['total']:,.2f} {money['currency']}{left_out}: {one_line(money['rests_on'])}"


def _table(session: Session, url: str, headers: Iterable[str], given: dict[str, Any]) -> int:
    """Print the table for an API."""
    parameters = pairs(given.pop("params"))
    if left := [name for name, value in given.items() if value not in (None, False)]:
        raise click.UsageError(f"--{left[0].replace('_', '-')} needs SOURCE, the name of a source, instead of --url.")
    found = asyncio.run(describe(url, _headers(headers), list(parameters.items())))
    document = {"source": found.name, "toml": found.text, "settings": [*found.settings], "open": found.open}
    session.data(document, *found.text.splitlines())
    if found.settings:
        names = ", ".join(found.settings)
        session.hint(f"Put the credentials into these app settings: {names} (on this machine: export NAME=VALUE).")
    session.hint("Put the table into sources.toml. Check it with make check-sources, and try it with sluice plan.")
    return Code.COMPLETED


def _headers(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return `NAME: VALUE` texts as pairs. Raise a usage error."""
    found = []
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise click.BadParameter(f"{text.partition(' ')[0]!r} is not 'NAME: VALUE'", param_hint="--header")
        found.append((name.strip(), value.strip()))
    return found
