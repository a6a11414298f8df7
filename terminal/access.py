"""`sluice login`, `open`: choose the app that the other commands use, and open its page."""

import sys
import webbrowser

import click

from terminal import profile
from terminal.api import Api
from terminal.command import Command
from terminal.ending import Code, Trouble
from terminal.run_id import RunId
from terminal.session import HERE, Session, base_url, on_terminal


@click.command(cls=Command, example="sluice login --url https://sluice-prod.azurewebsites.net")
@click.pass_obj
def login(session: Session) -> None:
    """Save the URL and key of an app.

    The other commands then use them. sluice saves them only if the app accepts them, in a file that only you can read.
    """
    url, key = session.given()
    if on_terminal():
        url = url or click.prompt("URL of the app", default=HERE, err=True)
        key = key or click.prompt("Key (none for devhost)", default="", show_default=False, hide_input=True, err=True)
    if not url:
        raise click.UsageError("No app is given: set --url or SLUICE_URL.")
    chosen = profile.Profile(base_url(url), key or None)
    with Api(*chosen) as api:
        found = api.get("/runs", limit=1)
    if not isinstance(found, dict) or "runs" not in found:
        raise Trouble(Code.UNREACHABLE, f"{chosen.url} does not answer as a Sluice app does; nothing is saved")
    place = profile.store(chosen)
    session.data({"url": chosen.url, "profile": str(place)}, f"{chosen.url} is saved in {place}")


@click.command("open", cls=Command, example="sluice open orders-2026-01")
@click.argument("run_id", type=RunId(), required=False)
@click.pass_obj
def open_page(session: Session, run_id: str | None) -> None:
    """Open the page, and print its URL."""
    session.api.ask("GET", "/ui")
    page = f"{session.api.url}/api/ui" + (f"#/runs/{run_id}" if run_id else "")
    session.data({"url": page}, page)
    if sys.stdout.isatty() and not session.json:
        webbrowser.open(page)
