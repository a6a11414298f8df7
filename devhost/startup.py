"""The start-up table of functions and URLs.

On the way: a started host enters; readable lines leave on its console.
"""

from __future__ import annotations

from devhost.console import Console
from devhost.server import Devhost


def announce(host: Devhost, console: Console) -> None:
    """Print every function with its URL or trigger, and say what is not served."""
    index = host.index
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
    for name, reason in index.unserved:
        console.warning(f"function {name} is not served: {reason}")
    for gap in host.settings.gaps:
        console.warning(gap)
    if host.keys is not None:
        console.note("keys are asked for; they are in the .keys.json file beside the state file")
