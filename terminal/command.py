"""The kind of command that `sluice` is made of: the options that each of them has, and an example in its help."""

from typing import Any

import click

from terminal.session import HERE, Session


class Command(click.Command):
    """A command with the shared options; an option of its own by the same name takes their place."""

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
    url = f"The app; or SLUICE_URL, or the profile of sluice login, or {HERE}."
    key = "Its function key; or SLUICE_KEY, or the profile. devhost asks for none."
    return [
        click.Option(["--url"], metavar="URL", help=url, **given),
        click.Option(["--key"], metavar="KEY", help=key, **given),
        click.Option(["--json"], is_flag=True, help="Print JSON.", **given),
    ]


def remember(context: click.Context, option: click.Parameter, value: Any) -> None:
    """Keep the value of a shared option; one that stands behind the command wins."""
    if value and option.name:
        setattr(context.ensure_object(Session), option.name, value)
