"""Load the app's folder into an index of its functions, and list what devhost cannot serve."""

import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from azure.functions.decorators.core import Binding, BindingDirection
from azure.functions.decorators.function_app import Function

from local.devhost.app.logs import unheard
from local.devhost.app.script import import_app
from local.devhost.app.signature import RETURN, check_signature
from local.devhost.errors import AppLoadError, HostStartError

HTTP, ORCHESTRATION, ACTIVITY = "httpTrigger", "orchestrationTrigger", "activityTrigger"
TIMER, CLIENT = "timerTrigger", "durableClient"
_SERVED_BINDINGS = frozenset({HTTP, ORCHESTRATION, ACTIVITY, TIMER, CLIENT, "http"})
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,127}")
# The field of each trigger that may set a durable name other than the function's name.
_DURABLE_NAMES = {ORCHESTRATION: "orchestration", ACTIVITY: "activity"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFunction:
    """One function of the app, ready to be called; orchestrators and clients use `durable_name`."""

    name: str
    durable_name: str | None
    user_function: Callable[..., Any]
    bindings: tuple[Binding, ...]
    trigger: Any
    is_async: bool
    wants_context: bool
    input_parameter: str | None

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        # Do not pickle code: it stays in the process that loaded it.
        values = {field.name: getattr(self, field.name) for field in fields(self)} | {"user_function": None}
        return partial(LoadedFunction, **values), ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionIndex:
    """The app's functions by kind, and in `unserved` the name and reason of each function that is not served.

    The keys of `orchestrators` and `activities` are durable names in lower case. `disabled` has the names of the
    disabled activities: a call of such an activity fails.
    """

    functions: tuple[LoadedFunction, ...]
    orchestrators: Mapping[str, LoadedFunction]
    activities: Mapping[str, LoadedFunction]
    http: tuple[LoadedFunction, ...]
    timers: tuple[LoadedFunction, ...]
    unserved: tuple[tuple[str, str], ...]
    disabled: tuple[str, ...] = ()


def load_app(app_root: Path) -> FunctionIndex:
    """Import the app and index its functions. Raise AppLoadError if devhost cannot serve it."""
    served: dict[str, list[LoadedFunction]] = {HTTP: [], ORCHESTRATION: [], ACTIVITY: [], TIMER: []}
    unserved: list[tuple[str, str]] = []
    disabled: list[str] = []
    for name, function in _functions_of(import_app(app_root.absolute())).items():
        reason = _reason_not_to_serve(name, function)
        if reason is not None:
            unserved.append((name, reason))
            trigger: Any = function.get_trigger()
            if trigger.type == ACTIVITY and _find_switch(name) is not None:
                disabled.append(trigger.activity or name)
        else:
            loaded = _load(name, function)
            served[loaded.trigger.type].append(loaded)
    return FunctionIndex(
        functions=tuple(function for kind in served.values() for function in kind),
        orchestrators=_by_durable_name(served[ORCHESTRATION]),
        activities=_by_durable_name(served[ACTIVITY]),
        http=tuple(served[HTTP]),
        timers=tuple(served[TIMER]),
        unserved=tuple(unserved),
        disabled=tuple(disabled),
    )


def _functions_of(app: Any) -> dict[str, Function]:
    # Call get_functions only once for an app object: the SDK remembers the names and refuses them the second time.
    try:
        with unheard():
            functions: list[Function] = app.get_functions()
    except Exception as error:
        raise AppLoadError(f"indexing the functions failed: {str(error).strip() or type(error).__name__}") from error
    if not functions:
        raise AppLoadError("the app registers no function")
    names = [str(function.get_function_name()) for function in functions]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise AppLoadError(f"function name {name!r} is used twice")
        if any(name.lower() == other.lower() for other in names[:number]):
            raise HostStartError(f"function name {name!r} is used twice, in different case")
    return dict(zip(names, functions, strict=True))


def _reason_not_to_serve(name: str, function: Function) -> str | None:
    trigger = function.get_trigger()
    if trigger is None:
        raise AppLoadError(f"function {name} has no trigger")
    switch = _find_switch(name)
    if switch is not None:
        return f"{switch} disables it"
    if not _NAME.fullmatch(name) or name.lower() == "host":
        return f"{name!r} is not a valid function name"
    strange = [it.type for it in (trigger, *function.get_bindings()) if it.type not in _SERVED_BINDINGS]
    if strange:
        return f"devhost does not support {strange[0]}"
    outputs = [it.name for it in function.get_bindings() if it.direction == BindingDirection.OUT.value]
    return None if outputs == [RETURN] * (trigger.type == HTTP) else "devhost supports only the HTTP output"


def _find_switch(name: str) -> str | None:
    # A shell accepts no period in the name of an environment variable, so one or two underscores may replace it.
    switches = (f"AzureWebJobs{sign}{name}{sign}Disabled" for sign in (".", "_", "__"))
    return next((switch for switch in switches if os.environ.get(switch, "").lower() in ("true", "1")), None)


def _load(name: str, function: Function) -> LoadedFunction:
    user_function = function.get_user_function()
    trigger: Any = function.get_trigger()
    bindings = tuple(function.get_bindings())
    # The SDK awaits a function to which it gives a durable client. With a generic binding the function gets JSON text
    # instead of a client, has no `client_function`, and need not be async.
    written = getattr(user_function, "client_function", None)
    if written is not None and not any(map(inspect.iscoroutinefunction, (written, inspect.unwrap(written)))):
        reason = f"function {name} takes a durable client and must be written with async def"
        raise AppLoadError(reason, "answers 500 to each call")
    if trigger.type == ORCHESTRATION and trigger.name != "context":
        raise AppLoadError(f"orchestrator {name}: context_name must be 'context', not {trigger.name!r}")
    field = _DURABLE_NAMES.get(trigger.type)
    return LoadedFunction(
        name=name,
        durable_name=field and (getattr(trigger, field, None) or name),
        user_function=user_function,
        bindings=bindings,
        trigger=trigger,
        is_async=inspect.iscoroutinefunction(user_function),
        wants_context=check_signature(name, user_function, bindings),
        input_parameter=None if trigger.type == ORCHESTRATION else trigger.name,
    )


def _by_durable_name(functions: Iterable[LoadedFunction]) -> dict[str, LoadedFunction]:
    # If two names differ only in case, the later registration runs.
    return {(function.durable_name or function.name).lower(): function for function in functions}
