"""`sluice sources`, `schedules`: list sources, and the scheduled ones."""

import click

from terminal.command import Command
from terminal.session import Session, row, table
from terminal.words import moment


@click.command(cls=Command, example="sluice sources")
@click.pass_obj
def sources(session: Session) -> None:
    """List the sources.

    The column `problem` says what is wrong with a description.
    """
    found = session.api.get("/sources")
    rows = table("source", "host", "style", "incremental", "parameters", "schedule", "problem")
    for one in found["sources"]:
        texts = [one[name] or "" for name in ("host", "style", "schedule", "problem")]
        incremental, parameters = "yes" if one["incremental"] else "", ", ".join(one["parameters"])
        row(rows, one["name"], *texts[:2], incremental, parameters, *texts[2:])
    session.data(found, rows)


@click.command(cls=Command, example="sluice schedules")
@click.pass_obj
def schedules(session: Session) -> None:
    """List the sources that have a schedule, and when each is due."""
    found = [one for one in session.api.get("/sources")["sources"] if one["schedule"]]
    rows = table("source", "schedule", "next due", "problem")
    for one in found:
        row(rows, one["name"], one["schedule"], moment(one["next_due"]), one["problem"] or "")
    names = ("name", "schedule", "next_due", "problem")
    document = {"schedules": [{name: one[name] for name in names} for one in found]}
    session.data(document, *([rows] if found else ["no source has a schedule"]))
