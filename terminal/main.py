"""`sluice`: the group of all commands, and the exit code."""

import sys

import click

from terminal import access, capacity, control, listing, plan, sources, start, watch, watermark
from terminal.command import Group, shared
from terminal.ending import Code, Trouble
from terminal.session import Session
from terminal.words import one_line

CODES = """\b
Exit codes: 0 completed, 1 failed, 2 usage, 3 completed with failures or rejects or
another total, 4 not allowed, 5 no such run, 6 cancelled or terminated,
7 watch timed out, 8 unreachable, 130 interrupted, 141 output closed (head)."""


@click.group(
    cls=Group,
    params=shared(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=f"\b\nExample:\n  sluice start demo --watch\n\n{CODES}",
)
@click.version_option(package_name="sluice", message="%(prog)s %(version)s")
def sluice() -> None:
    """Show and control the runs of a Sluice app."""


for command in (
    start.start, plan.plan, capacity.capacity, watch.watch, listing.list_runs, listing.show,
    control.pause, control.resume, control.cancel, control.redrive, control.delete,
    listing.failures, listing.rejected, sources.sources, sources.schedules, watermark.watermark,
    access.login, access.open_page,
):  # fmt: skip
    sluice.add_command(command)


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code; without arguments, the command line of this process."""
    session = Session()
    try:
        return int(sluice.main(arguments, prog_name="sluice", standalone_mode=False, obj=session) or 0)
    except Trouble as trouble:
        click.echo(f"sluice: {trouble}", err=True)
        return trouble.code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return Code.INTERRUPTED
    except SystemExit:  # click's answer to a closed pipe, with 1, which means that a run has failed
        return Code.OUTPUT_CLOSED
    except (LookupError, TypeError, AttributeError) as error:
        if "api" not in vars(session):
            raise
        # A traceback would exit with 1, which means that a run has failed.
        text = f"{session.api.url} gave an unexpected answer ({type(error).__name__}: {error})"
        click.echo(f"sluice: {one_line(text)}: is it a Sluice app of this version?", err=True)
        return Code.UNREACHABLE


def main() -> None:
    sys.exit(run())
