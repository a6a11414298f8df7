"""`sluice pause`, `resume`, `cancel`, `redrive`, `delete`: commands to a run."""

import click

from terminal.command import Command
from terminal.run_id import RUN_ID
from terminal.session import Session
from terminal.words import count, one_line

YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command(cls=Command, example="sluice pause orders-2026-01")
@RUN_ID
@click.pass_obj
def pause(session: Session, run_id: str) -> None:
    """Pause a run.

    What is under way stops within seconds.
    """
    give(session, run_id, "pause")


@click.command(cls=Command, example="sluice resume orders-2026-01")
@RUN_ID
@YES
@click.pass_obj
def resume(session: Session, run_id: str, yes: bool) -> None:
    """Let a paused or held run go on.

    The change that holds a run is accepted by this.
    """
    run = session.api.get(f"/runs/{run_id}")
    if run["status"] == "held":
        changes = one_line(run["progress"].get("changes", "?"))
        session.agree(f"Run {run_id} is held, because this has changed: {changes}. Accept it?", yes=yes)
    give(session, run_id, "resume")


@click.command(cls=Command, example="sluice cancel orders-2026-01")
@RUN_ID
@click.pass_obj
def cancel(session: Session, run_id: str) -> None:
    """Cancel a run.

    What is under way stops within seconds, and the run ends. A redrive does the rest.
    """
    give(session, run_id, "cancel")


@click.command(cls=Command, example="sluice redrive orders-2026-01")
@RUN_ID
@click.pass_obj
def redrive(session: Session, run_id: str) -> None:
    """Do again what failed or never happened."""
    begun = session.api.send("POST", f"/runs/{run_id}/redrive", params={"links": "none"})
    session.data(begun, f"run {run_id} goes on")
    session.hint(f"watch it: {session.command('watch', run_id)}")


@click.command(cls=Command, example="sluice delete orders-2026-01 --yes")
@RUN_ID
@YES
@click.pass_obj
def delete(session: Session, run_id: str, yes: bool) -> None:
    """Delete a run that has ended.

    Its ledger goes too, so it can neither be redriven nor audited any more.
    """
    session.agree(f"Delete run {run_id}, its ledger and its history?", yes=yes)
    gone = session.api.send("DELETE", f"/runs/{run_id}")
    session.data(gone, f"run {run_id} is deleted: {count(gone['blobs_deleted'])} blobs")


def give(session: Session, run_id: str, command: str) -> None:
    """Give a command to a run, and say that it is given: it takes hold within seconds."""
    given = session.api.send("POST", f"/runs/{run_id}/{command}")
    session.data(given, f"{command} is given to run {run_id}")
    session.hint(f"see it take hold: {session.command('watch', run_id)}")
