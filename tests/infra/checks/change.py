"""A promise about the deployed resources, and changes that break it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.infra.deployed import Deployed

Change = Callable[[Deployed], object]

APP, ACCOUNTS = "Web/sites", "Storage/storageAccounts"


class Check(NamedTuple):
    """A promise about a snapshot, and changes that each break it."""

    of: str
    holds: Callable[[Deployed], None]
    breaks: tuple[Change, ...]


CHECKS: list[Check] = []


def check(of: str, *breaks: Change) -> Callable[[Callable[[Deployed], None]], Callable[[Deployed], None]]:
    """Register a promise about the snapshot `of`, with the changes that break it."""

    def register(holds: Callable[[Deployed], None]) -> Callable[[Deployed], None]:
        CHECKS.append(Check(of, holds, breaks))
        return holds

    return register


def both(*breaks: Change) -> Callable[[Callable[[Deployed], None]], Callable[[Deployed], None]]:
    """Register a promise about both snapshots."""

    def register(holds: Callable[[Deployed], None]) -> Callable[[Deployed], None]:
        return check("dts", *breaks)(check("main", *breaks)(holds))

    return register


def put(kind: str, path: str, value: Any, name: str = "") -> Change:
    """Return the change that gives a property of a resource another value."""

    def change(deployed: Deployed) -> None:
        *folders, last = path.split(".")
        part: Any = next(each for each in deployed.of(kind) if each["name"].startswith(name))
        for folder in folders:
            part = part[int(folder) if isinstance(part, list) else folder]
        part[last] = value

    return change


def drop(kind: str, name: str = "") -> Change:
    """Return the change that removes a resource."""

    def change(deployed: Deployed) -> None:
        deployed.resources.remove(next(each for each in deployed.of(kind) if each["name"].startswith(name)))

    return change


def add(kind: str, **properties: Any) -> Change:
    """Return the change that adds a resource."""
    resource = {"type": f"Microsoft.{kind}", "name": "added", "id": "/added", "properties": properties}
    return lambda deployed: deployed.resources.append(resource)


def setting(name: str, value: str | None) -> Change:
    """Return the change that gives an app setting another value, or removes it."""

    def change(deployed: Deployed) -> None:
        listed = deployed.properties(APP)["siteConfig"]["appSettings"]
        listed[:] = [each for each in listed if each["name"] != name]
        if value is not None:
            listed.append({"name": name, "value": value})

    return change
