"""The start-up table of functions and URLs.

On the way: a started host enters; readable lines leave on its console.
"""

from __future__ import annotations

from devhost.console import Console
from devhost.management import WEBHOOK_PATH
from devhost.server import Devhost


def announce(host: Devhost, console: Console) -> None:
    """Print every function with its URL or trigger, where things are kept, and what is not served."""
    index, settings = host.index, host.settings
    rows = [
        (
            f"{route.function.name}:",
            f"[{','.join(sorted(route.methods or ())) or 'any method'}]",
            f"{host.url}/{route.template}",
        )
        for route in host.routes.routes
    ]
    rows += [(f"{f.durable_name}:", "orchestrationTrigger", "") for f in index.orchestrators.values()]
    rows += [(f"{f.durable_name}:", "activityTrigger", "") for f in index.activities.values()]
    console.table("Functions:", rows)
    console.note(
        f"instances of hub {settings.hub_name} at {host.url}{WEBHOOK_PATH}instances, kept in {host.state_file}"
    )
    if settings.lenient:
        console.warning("lenient: ids and order follow the Python SDK, not the Durable extension")
    for name, reason in index.unserved:
        console.warning(f"function {name} is not served: {reason}")
    for gap in settings.gaps:
        console.warning(gap)
    if host.keys is not None:
        console.note(f"keys are asked for; they are in {host.state_file.with_suffix('.keys.json')}")
