"""The host's settings: host.json and environment in, one frozen record out.

On the way: read once at start, before the app is imported. `local.settings.json` is turned into
environment variables here too, because host settings may stand in either.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from devhost.errors import AppLoadError

OverridableStates = Literal["NonRunningStates", "AnyState"]

# Any host.json value may be given as an environment variable: prefix, then the path joined by two underscores.
HOST_JSON_OVERRIDE = "AzureFunctionsJobHost__"
DEFAULT_FUNCTION_TIMEOUT_SECONDS = 1800.0
DEFAULT_BODY_LIMIT_BYTES = 104_857_600


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """What host.json and the environment say about the host."""

    hub_name: str = "TestHubName"
    route_prefix: str = "api"
    max_concurrent_activities: int = 10
    max_concurrent_orchestrators: int = 10
    function_timeout_seconds: float | None = DEFAULT_FUNCTION_TIMEOUT_SECONDS
    thread_pool_size: int = 8
    overridable_existing_instance_states: OverridableStates = "NonRunningStates"
    default_version: str | None = None
    store_inputs_in_history: bool = False
    max_orchestration_actions: int = 100_000
    body_limit_bytes: int = DEFAULT_BODY_LIMIT_BYTES
    use_forwarded_host: bool = False
    lenient: bool = False
    gaps: tuple[str, ...] = ()  # what a real host would miss in host.json


def load_settings(app_root: Path, *, lenient: bool = False) -> HostSettings:
    """Read host.json below the environment's overrides; AppLoadError names the setting that cannot be read."""
    host = _read_json(app_root / "host.json")
    _check_version(host)
    gaps = tuple(_find_gaps(host))
    _overlay(host, os.environ)
    extensions = _section(host, "extensions")
    durable = _Section(_section(extensions, "durableTask"), "extensions.durableTask")
    http = _Section(_section(extensions, "http"), "extensions.http")
    client_http = _Section(_section(durable.values, "httpSettings"), "extensions.durableTask.httpSettings")
    if not durable.flag("localRpcEndpointEnabled", True):
        raise AppLoadError("host.json: localRpcEndpointEnabled must not be false: the Python SDK has no other way in")
    cores = os.cpu_count() or 1
    return HostSettings(
        hub_name=_hub_name(durable.text("hubName")),
        route_prefix=_route_prefix(http.text("routePrefix")),
        max_concurrent_activities=durable.count("maxConcurrentActivityFunctions", 10 * cores),
        max_concurrent_orchestrators=durable.count("maxConcurrentOrchestratorFunctions", 10 * cores),
        function_timeout_seconds=_timeout(host.get("functionTimeout")),
        thread_pool_size=_environment_count("PYTHON_THREADPOOL_THREAD_COUNT", min(32, cores + 4)),
        overridable_existing_instance_states=_overridable(durable.text("overridableExistingInstanceStates")),
        default_version=durable.text("defaultVersion") or None,
        store_inputs_in_history=durable.flag("storeInputsInOrchestrationHistory"),
        max_orchestration_actions=durable.count("maxOrchestrationActions", 100_000),
        body_limit_bytes=_environment_count("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", DEFAULT_BODY_LIMIT_BYTES),
        use_forwarded_host=client_http.flag("useForwardedHost"),
        lenient=lenient,
        gaps=gaps,
    )


def read_local_values(app_root: Path) -> dict[str, str]:
    """Return the `Values` of local.settings.json, empty when there is no such file."""
    settings = _read_json(app_root / "local.settings.json")
    if settings.get("IsEncrypted"):
        raise AppLoadError("local.settings.json is encrypted; `func settings decrypt` makes it readable")
    values = _section(settings, "Values")
    wrong = [key for key, value in values.items() if isinstance(value, dict | list)]
    if wrong:
        raise AppLoadError(f"local.settings.json: Values.{wrong[0]} must be text; nested values are not environment")
    return {key: _as_environment(value) for key, value in values.items()}


def _as_environment(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class _Section:
    values: Mapping[str, Any]
    path: str

    def text(self, key: str) -> str | None:
        value = self.values.get(key)
        if value is None or isinstance(value, str):
            return value
        raise AppLoadError(f"host.json: {self.path}.{key} must be text, not {value!r}")

    def count(self, key: str, default: int) -> int:
        return _count(self.values.get(key, default), f"host.json: {self.path}.{key}")

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.values.get(key, default)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if isinstance(value, bool):
            return value
        raise AppLoadError(f"host.json: {self.path}.{key} must be true or false, not {value!r}")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return {}
    try:
        # The host allows comment lines in these files.
        value = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    except ValueError as error:
        raise AppLoadError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise AppLoadError(f"{path.name} must hold a JSON object")
    return value


def _section(parent: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = next((value for name, value in parent.items() if name.lower() == key.lower()), None)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise AppLoadError(f"{key} must be a JSON object, not {value!r}")
    return value


def _check_version(host: Mapping[str, Any]) -> None:
    if host and host.get("version") != "2.0":
        raise AppLoadError(f'host.json: "version" must be "2.0", not {host.get("version")!r}')


def _find_gaps(host: Mapping[str, Any]) -> Iterator[str]:
    if not host:
        yield "there is no host.json: Core Tools and a deployment ask for one"
    elif "extensionBundle" not in host:
        yield "host.json names no extensionBundle: a real host would know no durable triggers"


def _overlay(host: dict[str, Any], environment: Mapping[str, str]) -> None:
    for variable, value in environment.items():
        if variable.startswith(HOST_JSON_OVERRIDE):
            *path, last = variable.removeprefix(HOST_JSON_OVERRIDE).split("__")
            target = host
            for key in path:
                target = target.setdefault(key, {})
            target[last] = value


def _hub_name(value: str | None) -> str:
    if value is None:
        site = re.sub(r"[^A-Za-z0-9]", "", os.environ.get("WEBSITE_SITE_NAME", ""))[:45].lstrip("0123456789")
        return site if len(site) >= 3 else "TestHubName"
    name = re.sub(r"%([^%]+)%", lambda match: os.environ.get(match[1], match[0]), value)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{2,44}", name):
        raise AppLoadError(f"host.json: hubName {name!r} must be 3 to 45 letters and digits and start with a letter")
    return name


def _route_prefix(value: str | None) -> str:
    return "api" if value is None else value.strip("/")


def _overridable(value: str | None) -> OverridableStates:
    states: tuple[OverridableStates, ...] = ("NonRunningStates", "AnyState")
    for allowed in states:
        if (value or "NonRunningStates").lower() == allowed.lower():
            return allowed
    raise AppLoadError(
        f"host.json: overridableExistingInstanceStates must be NonRunningStates or AnyState, not {value!r}"
    )


def _timeout(value: Any) -> float | None:
    if value is None:
        return DEFAULT_FUNCTION_TIMEOUT_SECONDS
    if str(value).startswith("-1"):
        return None
    match = re.fullmatch(r"(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)", str(value))
    if not match:
        raise AppLoadError(f"host.json: functionTimeout must read hh:mm:ss or -1, not {value!r}")
    days, hours, minutes, seconds = match.groups(default="0")
    return ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + float(seconds)


def _environment_count(variable: str, default: int) -> int:
    return _count(os.environ.get(variable, default), f"environment variable {variable}")


def _count(value: Any, place: str) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = 0
    if number < 1:
        raise AppLoadError(f"{place} must be a whole number above 0, not {value!r}")
    return number
