"""A run id as an argument. It becomes part of a URL, so a text that is not a run id must not reach another route."""

import re

import click

FORM = re.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # the app's own rule
ALLOWED = "1 to 64 letters, digits, - and _, the first one a letter or a digit"


class RunId(click.ParamType[str]):
    name = "id"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not FORM.fullmatch(str(value)):
            self.fail(f"{value!r} is not a run id (allowed: {ALLOWED})", param, ctx)
        return str(value)


RUN_ID = click.argument("run_id", type=RunId())
