"""The id of a run as an argument: what no run can be called must not become another route, or another run."""

import re

import click

FORM = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # as the app has it
ALLOWED = "1 to 64 letters, digits, - and _, the first one a letter or a digit"


class RunId(click.ParamType[str]):
    """A run id."""

    name = "id"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it."""
        if not FORM.fullmatch(str(value)):
            self.fail(f"{value!r} is no run id (allowed: {ALLOWED})", param, ctx)
        return str(value)


RUN_ID = click.argument("run_id", type=RunId())
