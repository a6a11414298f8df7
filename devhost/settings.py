"""The host's settings, read once at start out of host.json and the environment."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, ValidationError

from devhost.errors import AppLoadError

# Prefix of environment variables that stand for host.json values; two underscores join the path.
_OVERRIDE = "AzureFunctionsJobHost__"
_THREADS, _BODY_LIMIT = "PYTHON_THREADPOOL_THREAD_COUNT", "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
_CORES = os.cpu_count() or 1


def _read_hub_name(text: str) -> str:
    name = re.sub(r"%([^%]+)%", lambda setting: os.environ.get(setting[1], setting[0]), text)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{2,44}", name):
        raise ValueError(f"hubName {name!r} must be 3 to 45 letters and digits and start with a letter")
    return name


def _read_timeout(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value.startswith("-1"):
        return None
    found = re.fullmatch(r"(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)", value)
    if not found:
        raise ValueError("functionTimeout must read hh:mm:ss or -1")
    days, hours, minutes, seconds = map(float, found.groups(default="0"))
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _read_states(text: str) -> str:
    return {"nonrunningstates": "NonRunningStates", "anystate": "AnyState"}.get(text.lower(), text)


def _durable(key: str, default: Any) -> Any:
    return Field(default, validation_alias=f"extensions.durableTask.{key}")


class HostSettings(BaseModel):
    """What host.json and the environment say; an alias is the place of a setting."""

    model_config = ConfigDict(frozen=True, validate_by_name=True)

    hub_name: Annotated[str, AfterValidator(_read_hub_name)] = _durable("hubName", "TestHubName")
    route_prefix: str = Field(default="api", validation_alias="extensions.http.routePrefix")
    max_concurrent_activities: PositiveInt = _durable("maxConcurrentActivityFunctions", 10 * _CORES)
    max_concurrent_orchestrators: PositiveInt = _durable("maxConcurrentOrchestratorFunctions", 10 * _CORES)
    function_timeout_seconds: Annotated[float | None, BeforeValidator(_read_timeout)] = Field(
        default=1800.0, validation_alias="functionTimeout"
    )
    thread_pool_size: PositiveInt = Field(default=min(32, _CORES + 4), validation_alias=_THREADS)
    overridable_existing_instance_states: Annotated[
        Literal["NonRunningStates", "AnyState"], BeforeValidator(_read_states)
    ] = _durable("overridableExistingInstanceStates", "NonRunningStates")
    default_version: str | None = _durable("defaultVersion", None)
    store_inputs_in_history: bool = _durable("storeInputsInOrchestrationHistory", False)
    max_orchestration_actions: PositiveInt = _durable("maxOrchestrationActions", 100_000)
    body_limit_bytes: PositiveInt = Field(default=104_857_600, validation_alias=_BODY_LIMIT)
    use_forwarded_host: bool = _durable("httpSettings.useForwardedHost", False)
    local_rpc_endpoint: bool = _durable("localRpcEndpointEnabled", True)
    lenient: bool = False
    gaps: tuple[str, ...] = ()  # what a real host would miss in host.json


def load_settings(app_root: Path, *, lenient: bool = False) -> HostSettings:
    """Read host.json and its overrides; AppLoadError names the setting that cannot be read."""
    host = _read_json(app_root / "host.json")
    if host and host.get("version") != "2.0":
        raise AppLoadError(f'host.json: "version" must be "2.0", not {host.get("version")!r}')
    given = {place.lower(): text for place, text in [*_flatten(host), *_read_environment()]}
    places = [str(field.validation_alias) for field in HostSettings.model_fields.values()]
    for place in given:
        if any(other.lower().startswith(f"{place}.") for other in places):
            raise AppLoadError(f"host.json: {place} must be a JSON object, not {given[place]}")
    values = {place: given[place.lower()] for place in places if place.lower() in given}
    try:
        settings = HostSettings.model_validate({**values, "lenient": lenient, "gaps": tuple(_find_gaps(host))})
    except ValidationError as error:
        wrong = error.errors()[0]
        reason = wrong["msg"].removeprefix("Value error, ")
        raise AppLoadError(f"setting {wrong['loc'][0]} = {wrong['input']!r}: {reason}") from error
    if not settings.local_rpc_endpoint:
        raise AppLoadError("host.json: localRpcEndpointEnabled must not be false: the Python SDK has no other way in")
    return settings


def read_local_values(app_root: Path) -> dict[str, str]:
    """Return the `Values` of local.settings.json, empty when there is no such file."""
    settings = _read_json(app_root / "local.settings.json")
    if settings.get("IsEncrypted"):
        raise AppLoadError("local.settings.json is encrypted; `func settings decrypt` makes it readable")
    values = settings.get("Values") or {}
    if not isinstance(values, dict) or any(isinstance(value, dict | list) for value in values.values()):
        raise AppLoadError("local.settings.json: Values must be an object of texts; nested values are not environment")
    return dict(_flatten(values))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8-sig")
        # The host allows comment lines in these files.
        value = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise AppLoadError(f"{path.name} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise AppLoadError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise AppLoadError(f"{path.name} must hold a JSON object")
    return value


def _flatten(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        elif value is not None:
            yield prefix + key, value if isinstance(value, str) else json.dumps(value)


def _read_environment() -> Iterator[tuple[str, str]]:
    for name, text in os.environ.items():
        if name.startswith(_OVERRIDE):
            yield name.removeprefix(_OVERRIDE).replace("__", "."), text
        elif name in (_THREADS, _BODY_LIMIT):
            yield name, text


def _find_gaps(host: Mapping[str, Any]) -> Iterator[str]:
    if not host:
        yield "there is no host.json: Core Tools and a deployment ask for one"
    elif "extensionBundle" not in host:
        yield "host.json names no extensionBundle: a real host would know no durable triggers"
