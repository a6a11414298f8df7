"""`sluice start`: start a run, and with --watch follow it."""

from typing import Any

import click
import httpx

from terminal.body import body, body_options
from terminal.command import Command
from terminal.session import Session
from terminal.watch import TIMEOUT, watched


@click.command(cls=Command, example="sluice start orders --run-id orders-2026-01 --tolerated-failures 1% --watch")
@click.argument("source")
@body_options
@click.option("--watch", "watch_it", is_flag=True, help="Watch the run until it has ended.")
@TIMEOUT
@click.pass_obj
def start(session: Session, /, source: str, watch_it: bool, timeout: float | None, **given: Any) -> int:
    """Start a run of SOURCE, and print its id.

    With --run-id, repeating the same start changes nothing.
    """
    if timeout is not None and not watch_it:
        raise click.UsageError("--timeout needs --watch.")
    answer = session.api.ask("POST", "/runs", params={"links": "none"}, json=body(source, **given))
    begun = session.api.document(answer)
    run_id = str(begun["run_id"])
    has_ended = answer.status_code == httpx.codes.OK  # somebody had sent this start before
    if has_ended or watch_it:
        session.hint(f"run {run_id} of {source} {'was started before, and has ended' if has_ended else 'is started'}")
    if watch_it:
        return watched(session, run_id, timeout)
    session.data(begun, run_id)
    session.hint(f"watch it: {session.command('watch', run_id)}")
    return 0
