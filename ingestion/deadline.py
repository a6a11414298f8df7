"""Stop each function before the host's `functionTimeout`, because the host would then end the whole worker.

`functionTimeout` comes from the app setting that overrides host.json, or from host.json.
"""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ingestion.errors import InvalidInput, OutOfTime

HOST_JSON = Path(__file__).parents[1] / "host.json"
OF_THE_HOST = "AzureFunctionsJobHost"  # the prefix of app settings that override host.json
DEFAULT_SECONDS = 300.0  # the shortest default of all plans: 5 minutes on Consumption
LAST_BEGINNING = 0.85  # of functionTimeout: from then on no page and no message begins
CANCELLED = 0.95  # of functionTimeout: then the work is cancelled
HTTP_SECONDS = 100.0  # Azure's load balancer gives up after 230


def host_setting(*keys: str, environment: Mapping[str, str], host_json: Path) -> Any:
    """Return a value of host.json, or of the app setting that overrides it; None if there is neither."""
    given: Any = environment.get("__".join((OF_THE_HOST, *keys)))
    if not given and host_json.exists():
        given = json.loads(host_json.read_text(encoding="utf-8"))
        for key in keys:
            given = (given or {}).get(key)
    return given


def function_timeout(environment: Mapping[str, str] = os.environ, host_json: Path = HOST_JSON) -> float:
    """Return the `functionTimeout` of the host in seconds; infinite for -1. Raise InvalidInput if it is not a time."""
    given = host_setting("functionTimeout", environment=environment, host_json=host_json)
    if not given:
        return DEFAULT_SECONDS
    if given.strip() == "-1":
        return float("inf")
    match = re.fullmatch(r"(?:(\d+)\.)?(\d+):(\d+):(\d+)", given.strip())
    if match is None:
        raise InvalidInput(
            "functionTimeout", f"{given!r} is not a time", 'hours, minutes and seconds such as "00:10:00", or "-1"'
        )
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(days * 86_400 + hours * 3_600 + minutes * 60 + seconds)


def seconds_to_begin() -> float:
    """Return the seconds after which a function starts no new page or message."""
    return function_timeout() * LAST_BEGINNING


@asynccontextmanager
async def in_time(doing: str, seconds: float | None = None) -> AsyncIterator[None]:
    """Cancel the block after `seconds`, by default shortly before `functionTimeout`, and raise OutOfTime."""
    limit = function_timeout() * CANCELLED if seconds is None else seconds
    try:
        async with asyncio.timeout(None if limit == float("inf") else limit) as timeout:
            yield
    except TimeoutError as error:
        if not timeout.expired():
            raise
        raise OutOfTime(
            f"could not {doing} within {limit:.0f} s: storage or the source answered too slowly, "
            "or functionTimeout in host.json is too short"
        ) from error
