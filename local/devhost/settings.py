"""The host's settings, read once at the start from host.json and the environment."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, ValidationError

from local.devhost.errors import AppLoadError, DevhostError, HostStartError, explained

# Prefix of environment variables that override values of host.json; two underscores separate the keys of a path.
_OVERRIDE = "AzureFunctionsJobHost__"
_THREADS, _BODY_LIMIT = "PYTHON_THREADPOOL_THREAD_COUNT", "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"
_VERSIONS = "gives instances a version and may fail those of another one"
_UNSERVED = {
    "defaultVersion": _VERSIONS,
    "versionMatchStrategy": _VERSIONS,
    "localRpcEndpointEnabled": "fails each call of a durable client, if it is false",
    "overridableExistingInstanceStates": "with AnyState lets a start replace a running instance, "
    "and with an unknown value does not start: every path answers 503",
    "httpSettings.useForwardedHost": "writes the forwarded host into its links",
}
_CORES = os.cpu_count() or 1


def _read_hub_name(text: str) -> str:
    name = re.sub(r"%([^%]+)%", lambda setting: os.environ.get(setting[1], setting[0]), text)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{2,45}", name):  # the real host allows 46, although it says 45
        rule = "should contain only alphanumeric characters, start with a letter, and have length between 3 and 45"
        raise ValueError(f"Task hub name {name!r} {rule}")
    return name


def _read_timeout(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value.startswith("-1"):
        return None
    found = re.fullmatch(r"(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)", value)
    if not found:
        raise ValueError("functionTimeout must be hh:mm:ss or d.hh:mm:ss, or -1 for no limit")
    days, hours, minutes, seconds = map(float, found.groups(default="0"))
    span = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if span < 1:
        raise ValueError("FunctionTimeout must be greater than 00:00:01")
    return span


def _durable(key: str, default: Any) -> Any:
    return Field(default, validation_alias=f"extensions.durableTask.{key}")


class HostSettings(BaseModel):
    """The settings; an alias is a setting's path in host.json, or the name of an environment variable."""

    model_config = ConfigDict(frozen=True, validate_by_name=True)

    hub_name: Annotated[str, AfterValidator(_read_hub_name)] = _durable("hubName", "TestHubName")
    route_prefix: str = Field(default="api", validation_alias="extensions.http.routePrefix")
    max_concurrent_activities: PositiveInt = _durable("maxConcurrentActivityFunctions", 10 * _CORES)
    max_concurrent_orchestrators: PositiveInt = _durable("maxConcurrentOrchestratorFunctions", 10 * _CORES)
    function_timeout_seconds: Annotated[float | None, BeforeValidator(_read_timeout)] = Field(
        default=1800.0, validation_alias="functionTimeout"
    )
    thread_pool_size: PositiveInt = Field(default=1000, validation_alias=_THREADS)
    store_inputs_in_history: bool = _durable("storeInputsInOrchestrationHistory", False)
    max_orchestration_actions: PositiveInt = _durable("maxOrchestrationActions", 100_000)
    body_limit_bytes: PositiveInt = Field(default=104_857_600, validation_alias=_BODY_LIMIT)


def load_settings(app_root: Path) -> HostSettings:
    """Read host.json and its overrides. Raise AppLoadError if a setting is wrong; the error names it."""
    host = _read_host_json(app_root / "host.json")
    given = {place.lower(): text for place, text in [*_flatten(host), *_read_environment()]}
    places = [str(field.validation_alias) for field in HostSettings.model_fields.values()]
    for place in given:
        if any(other.lower().startswith(f"{place}.") for other in places):
            raise HostStartError(f"host.json: {place} must be a JSON object, not {given[place]}")
    values = {place: given[place.lower()] for place in places if place.lower() in given}
    try:
        settings = HostSettings.model_validate(values)
    except ValidationError as error:
        wrong = error.errors()[0]
        reason = wrong["msg"].removeprefix("Value error, ")
        raise HostStartError(f"setting {wrong['loc'][0]} = {wrong['input']!r}: {reason}") from error
    for name, then in _UNSERVED.items():
        if f"extensions.durableTask.{name}".lower() in given:
            raise AppLoadError(f"host.json: remove {name}, since devhost does not support it", then)
    return settings


def read_local_values(app_root: Path) -> dict[str, str]:
    """Return the `Values` of local.settings.json; an empty dict if there is no such file."""
    try:
        settings = json.loads(_read_text(app_root / "local.settings.json") or "{}")
        values = settings.get("Values") or {}
    except (ValueError, AttributeError) as error:
        raise DevhostError(f"local.settings.json must hold a JSON object without comments: {error}") from error
    if settings.get("IsEncrypted"):
        raise DevhostError("local.settings.json is encrypted: decrypt it with `func settings decrypt`")
    if not isinstance(values, dict) or any(isinstance(value, dict | list) for value in values.values()):
        raise DevhostError("local.settings.json: Values must be an object of strings, without nested values")
    return dict(_flatten(values))


def _read_host_json(path: Path) -> dict[str, Any]:
    text = _read_text(path)
    if text is None:
        return {}  # the real host then writes a host.json with its defaults and the extension bundle
    try:
        host = json.loads(text)
    except ValueError as error:
        # The host accepts comments, single quotes and trailing commas; its worker reads the file too and refuses them.
        both_refuse = getattr(error, "msg", "") == "Extra data" or getattr(error, "pos", 0) >= len(text.rstrip())
        raise (HostStartError if both_refuse else AppLoadError)(f"host.json is not valid JSON: {error}") from error
    if not isinstance(host, dict):
        raise HostStartError("host.json must hold a JSON object")
    if host.get("version") != "2.0":
        raise HostStartError(f'host.json: "version" must be "2.0", not {host.get("version")!r}')
    if "extensionBundle" not in host:
        raise HostStartError("host.json has no extensionBundle: add it, because it contains the durable triggers")
    if "functions" in host:
        reason = "host.json: remove functions, since devhost serves all functions"
        raise AppLoadError(reason, f"loads only those in {host['functions']}")
    return host


def _read_text(path: Path) -> str | None:
    if not path.exists():
        return None
    with explained(f"cannot read {path.name}"):
        return path.read_bytes().decode("utf-8", "replace")


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
