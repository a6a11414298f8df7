"""From the app's folder to an index of its functions.

On the way: done once at start. The folder enters; a frozen index by trigger leaves, which the HTTP
server and the task hub look functions up in. Whatever the real host would refuse at load, and what
devhost cannot serve honestly, is said here and not at the first call.
"""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from azure.functions.decorators.core import Binding, Trigger
from azure.functions.decorators.function_app import Function

from devhost.errors import AppLoadError
from devhost.script import import_app
from devhost.signature import check_signature

HTTP, ORCHESTRATION, ACTIVITY, CLIENT = "httpTrigger", "orchestrationTrigger", "activityTrigger", "durableClient"
_SERVED_BINDINGS = frozenset({HTTP, ORCHESTRATION, ACTIVITY, CLIENT, "http"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFunction:
    """One function of the app, ready to be called."""

    name: str
    durable_name: str | None
    user_function: Callable[..., Any]
    bindings: tuple[Binding, ...]
    trigger: Any
    is_async: bool
    wants_context: bool
    input_parameter: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionIndex:
    """All functions by trigger; orchestrators and activities by lower-case durable name.

    Those not served are listed by name with the reason.
    """

    orchestrators: Mapping[str, LoadedFunction]
    activities: Mapping[str, LoadedFunction]
    http: tuple[LoadedFunction, ...]
    unserved: tuple[tuple[str, str], ...]


def load_app(app_root: Path) -> FunctionIndex:
    """Import the app below app_root and index its functions; AppLoadError in one line if it cannot be served."""
    app: Any = import_app(app_root.absolute())
    return _index(_functions_of(app))


def _functions_of(app: Any) -> list[Function]:
    # Called once per app object: the SDK remembers the names and refuses them the second time.
    root = logging.getLogger()
    muted = root.manager.disable
    logging.disable(logging.WARNING)  # "auth level is not applied": said about every app without HTTP functions
    try:
        functions: list[Function] = app.get_functions()
    except Exception as error:
        raise AppLoadError(f"indexing the functions failed: {str(error).strip() or type(error).__name__}") from error
    finally:
        logging.disable(muted)
    if not functions:
        raise AppLoadError("the app registers no function")
    _refuse_duplicates("function name", ((_name(f), _name(f)) for f in functions))
    return functions


def _name(function: Function) -> str:
    return str(function.get_function_name())


def _index(functions: list[Function]) -> FunctionIndex:
    served: dict[str, list[LoadedFunction]] = {HTTP: [], ORCHESTRATION: [], ACTIVITY: []}
    unserved: list[tuple[str, str]] = []
    for function in functions:
        reason = _reason_not_to_serve(function)
        if reason is not None:
            unserved.append((_name(function), reason))
        else:
            loaded = _load(function)
            served[loaded.trigger.type].append(loaded)
    return FunctionIndex(
        orchestrators=_by_durable_name("orchestrator", served[ORCHESTRATION]),
        activities=_by_durable_name("activity", served[ACTIVITY]),
        http=tuple(served[HTTP]),
        unserved=tuple(unserved),
    )


def _reason_not_to_serve(function: Function) -> str | None:
    name, trigger = _name(function), function.get_trigger()
    if trigger is None:
        raise AppLoadError(f"function {name} has no trigger")
    # Linux turns the periods of a setting's name into underscores, two of them where it is a section.
    settings = (f"AzureWebJobs{sign}{name}{sign}Disabled" for sign in (".", "_", "__"))
    switch = next((setting for setting in settings if os.environ.get(setting, "").lower() in ("true", "1")), None)
    if switch is not None:
        return f"{switch} says so"
    kinds = (str(trigger.type), *(str(binding.type) for binding in function.get_bindings()))
    strange = next((kind for kind in kinds if kind not in _SERVED_BINDINGS), None)
    return None if strange is None else f"devhost knows no {strange}"


def _load(function: Function) -> LoadedFunction:
    name = _name(function)
    user_function = function.get_user_function()
    trigger: Any = function.get_trigger()
    bindings = tuple(function.get_bindings())
    if any(binding.type == CLIENT for binding in bindings):
        _refuse_sync_client(name, user_function)
    if trigger.type == ORCHESTRATION and trigger.name != "context":
        raise AppLoadError(f"orchestrator {name}: context_name must be 'context', not {trigger.name!r}")
    return LoadedFunction(
        name=name,
        durable_name=_durable_name(name, trigger),
        user_function=user_function,
        bindings=bindings,
        trigger=trigger,
        is_async=inspect.iscoroutinefunction(user_function),
        wants_context=check_signature(name, user_function, bindings),
        input_parameter=None if trigger.type == ORCHESTRATION else trigger.name,
    )


def _durable_name(name: str, trigger: Trigger) -> str | None:
    if trigger.type == ORCHESTRATION:
        return getattr(trigger, "orchestration", None) or name
    if trigger.type == ACTIVITY:
        return getattr(trigger, "activity", None) or name
    return None


def _refuse_sync_client(name: str, user_function: Any) -> None:
    written = getattr(user_function, "client_function", user_function)
    if not any(inspect.iscoroutinefunction(candidate) for candidate in (written, inspect.unwrap(written))):
        raise AppLoadError(f"function {name} takes a durable client and must be written with async def")


def _by_durable_name(kind: str, functions: list[LoadedFunction]) -> Mapping[str, LoadedFunction]:
    names = [(function.durable_name or function.name, function.name) for function in functions]
    _refuse_duplicates(f"{kind} name", names)
    return MappingProxyType({durable.lower(): f for (durable, _), f in zip(names, functions, strict=True)})


def _refuse_duplicates(kind: str, names: Iterable[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for key, function_name in names:
        if key.lower() in seen:
            users = f"by {seen[key.lower()]} and by {function_name}"
            raise AppLoadError(f"{kind} {key!r} is used twice (case does not count): {users}")
        seen[key.lower()] = function_name
