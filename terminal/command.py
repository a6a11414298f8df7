"""The class of every `sluice` command: the shared options, and an example in the help."""

from typing import Any

import click

from terminal.session import HERE, Session


class Command(click.Command):
    """A command with the shared options; an option of its own replaces the shared one of that name."""

    def __init__(self, *given: Any, example: str, **named: Any) -> None:
        super().__init__(*given, **named)
        self.epilog = f"\b\nExample:\n  {example}"
        taken = {name for option in self.params for name in option.opts}
        self.params += [option for option in shared() if not taken & {*option.opts}]


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type


def shared() -> list[click.Parameter]:
    """Return the options that every command has."""
    given: dict[str, Any] = {"expose_value": False, "callback": remember}
    url = f"URL of the app. Default: SLUICE_URL, the app of sluice login, or {HERE}."
    key = "Function key of the app. Default: SLUICE_KEY, or the key of sluice login. devhost needs none."
    return [
        click.Option(["--url"], metavar="URL", help=url, **given),
        click.Option(["--key"], metavar="KEY", help=key, **given),
        click.Option(["--json"], is_flag=True, help="Print JSON.", **given),
    ]


def remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    """Keep the value of a shared option; an option after the command's name wins over one before it."""
    if value and option.name:
        setattr(context.ensure_object(Session), option.name, value)
