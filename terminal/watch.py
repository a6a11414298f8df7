"""`sluice watch`: show a run until it ends, and then how it ended."""

import re

import click

from terminal.command import Command
from terminal.display import Display
from terminal.ending import OF_OUTCOME, Code, Trouble
from terminal.following import follow
from terminal.report import next_steps, report
from terminal.run_id import RUN_ID
from terminal.session import Session
from terminal.view import Run


class Duration(click.ParamType[float]):
    """A time span such as 90, 90s, 10m or 2h."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the time span in seconds."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", str(value))
        if not found:
            self.fail(f"{value!r} is not a time span (allowed: a number, and s, m or h, such as 90s)", param, ctx)
        return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


TIMEOUT = click.option(
    "--timeout", type=Duration(), metavar="TIME", help="Stop watching after TIME (90s, 10m, 2h); the run continues."
)


@click.command(cls=Command, example="sluice watch orders-2026-01 --timeout 2h")
@RUN_ID
@TIMEOUT
@click.pass_obj
def watch(session: Session, run_id: str, timeout: float | None) -> int:
    """Watch a run until it ends.

    The exit code says how it ended. Ctrl-C stops watching; the run continues.
    """
    return watched(session, run_id, timeout)


def watched(session: Session, run_id: str, timeout: float | None) -> int:
    """Show a run until it ends, and return the exit code of its outcome. Raise Trouble."""
    again = session.command("watch", run_id)
    try:
        run = look_on(session, run_id, timeout)
    except KeyboardInterrupt:
        session.hint(f"run {run_id} continues; watch it again: {again}")
        return Code.INTERRUPTED
    except Trouble as trouble:
        if trouble.code == Code.TIMED_OUT:
            session.hint(f"watch it again: {again}")
        raise
    if not session.json:
        session.data(run, *report(run))
    session.suggest(run, next_steps(run))
    return OF_OUTCOME[run["status"]]


def look_on(session: Session, run_id: str, timeout: float | None) -> Run:
    """Show each change of a run: with --json as a line on stdout, else on stderr. Return the run as of its end."""
    with Display(session.err, quiet=session.json) as display:
        for run in follow(session.api, run_id, timeout_seconds=timeout, silent=display.note):
            if session.json:
                session.data(run)
            display.show_run(run)
    return run
