"""`sluice plan`: what a start would do, without doing it."""

from typing import Any

import click

from terminal.body import body, body_options
from terminal.command import Command
from terminal.ending import Code
from terminal.session import Session, row, table
from terminal.words import clean, count, duration, named, one_line


@click.command(cls=Command, example="sluice plan orders --from 2026-11-01T00:00:00Z")
@click.argument("source")
@body_options
@click.pass_obj
def plan(session: Session, /, source: str, **given: Any) -> int:
    """Tell what a start of SOURCE would do.

    It reads the first pages, keeps nothing and sends nothing. The exit code is 1 if such a run could not work.
    """
    found = session.api.send("POST", "/plan", json=body(source, **given))
    facts = table("", "")
    facts.show_header = False
    row(facts, "read", f"{count(found['pages_read'])} pages, {count(found['page_items'])} items on the first")
    row(facts, "next page", found["next"] or "none")
    row(facts, "total", count(found["total"]))
    row(facts, "end", one_line(found["end"]))
    if expect := found.get("expect"):
        pages, items = (f"{count(expect[name])} {name}" for name in ("pages", "items"))
        row(facts, "expect", f"{pages}, {items}, {duration(expect['seconds'])}")
        row(facts, "transactions", named(expect["transactions"] or {}))
        row(facts, "rests on", one_line(expect["rests_on"]))
    messages = [f"message {number}: {clean(one['text'])}" for number, one in enumerate(found["items"], 1)]
    problems = [f"problem: {one['field']}: {one_line(one['message'])}" for one in found["problems"]]
    session.data(found, facts, *messages, *problems)
    return Code.FAILED if problems else Code.COMPLETED
