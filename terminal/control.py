"""`sluice pause`, `resume`, `cancel`, `redrive`, `delete`: control a run."""

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

    The run's work stops within seconds.
    """
    give(session, run_id, "pause")


@click.command(cls=Command, example="sluice resume orders-2026-01")
@RUN_ID
@YES
@click.pass_obj
def resume(session: Session, run_id: str, yes: bool) -> None:
    """Continue a paused or held run.

    If a change of settings or source holds the run, this accepts the change.
    """
    run = session.api.get(f"/runs/{run_id}")
    if run["status"] == "held":
        changes = one_line(run["progress"].get("changes", "?"))
        session.agree(f"Run {run_id} is held because this has changed: {changes}. Accept the change?", yes=yes)
    give(session, run_id, "resume")


@click.command(cls=Command, example="sluice cancel orders-2026-01")
@RUN_ID
@click.pass_obj
def cancel(session: Session, run_id: str) -> None:
    """Cancel a run.

    The run's work stops within seconds, and the run ends. A redrive does what is left.
    """
    give(session, run_id, "cancel")


@click.command(cls=Command, example="sluice redrive orders-2026-01")
@RUN_ID
@click.pass_obj
def redrive(session: Session, run_id: str) -> None:
    """Restart a run that has ended or is lost.

    The run repeats what failed, and does what is left.
    """
    begun = session.api.send("POST", f"/runs/{run_id}/redrive", params={"links": "none"})
    session.data(begun, f"run {run_id} is restarted")
    session.hint(f"watch it: {session.command('watch', run_id)}")


@click.command(cls=Command, example="sluice delete orders-2026-01 --yes")
@RUN_ID
@YES
@click.pass_obj
def delete(session: Session, run_id: str, yes: bool) -> None:
    """Delete a run that has ended or is lost.

    This deletes the run's ledger too: afterwards nobody can redrive or audit the run.
    """
    session.agree(f"Delete run {run_id}, its ledger and its history?", yes=yes)
    gone = session.api.send("DELETE", f"/runs/{run_id}")
    session.data(gone, f"run {run_id} is deleted: {count(gone['blobs_deleted'])} blobs")


def give(session: Session, run_id: str, command: str) -> None:
    """Send a command to a run, and print that it was sent: it takes effect within seconds."""
    given = session.api.send("POST", f"/runs/{run_id}/{command}")
    session.data(given, f"sent {command} to run {run_id}")
    session.hint(f"see it take effect: {session.command('watch', run_id)}")
