"""Holding a function's Python parameters against its bindings, with the Python worker's rules.

On the way: second step of loading. A user function and its bindings enter; whether it takes the
invocation context leaves. What the worker refuses at load time is an AppLoadError here.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any

from azure.functions import Out
from azure.functions.decorators.core import Binding, BindingDirection
from azure.functions.meta import get_binding_registry

from devhost.errors import AppLoadError

RETURN = "$return"


def check_signature(name: str, user_function: Callable[..., Any], bindings: Sequence[Binding]) -> bool:
    """Check parameters and annotations against the bindings; tell whether the function wants the context."""
    parameters = set(inspect.signature(user_function).parameters)
    annotations = _annotations(name, user_function)
    bound = {binding.name: binding for binding in bindings if binding.name != RETURN}
    wants_context = "context" in parameters and "context" not in bound
    if wants_context:
        parameters.discard("context")
        _check_context(name, annotations)
    _check_names(name, parameters, set(bound))
    for binding in bound.values():
        if binding.name in annotations:
            _check_parameter(name, binding, annotations[binding.name])
    returned = next((binding for binding in bindings if binding.name == RETURN), None)
    if returned is not None and "return" in annotations:
        _check_return(name, returned, annotations["return"])
    return wants_context


def _annotations(name: str, user_function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(user_function)
    except Exception as error:
        raise AppLoadError(
            f"function {name}: an annotation cannot be resolved ({type(error).__name__}: {error}); "
            "names imported only under TYPE_CHECKING are unknown to the worker"
        ) from error


def _check_context(name: str, annotations: dict[str, Any]) -> None:
    annotation = annotations.get("context")
    if annotation is not None and getattr(annotation, "__name__", "") != "Context":
        raise AppLoadError(f"function {name}: parameter context must be an azure.functions.Context, not {annotation!r}")


def _check_names(name: str, parameters: set[str], bound: set[str]) -> None:
    if extra := sorted(parameters - bound):
        raise AppLoadError(f"function {name}: no binding gives a value to parameter {', '.join(extra)}")
    if missing := sorted(bound - parameters):
        hint = ""
        if "context" in parameters:
            hint = " (context_name must be 'context': the SDK's wrapper knows no other name)"
        raise AppLoadError(f"function {name}: no parameter takes the binding {', '.join(missing)}{hint}")


def _check_parameter(name: str, binding: Binding, annotation: Any) -> None:
    is_out = (typing.get_origin(annotation) or annotation) is Out
    wants_out = binding.direction == BindingDirection.OUT.value
    if is_out != wants_out:
        way = "an output and needs" if wants_out else "an input and must not have"
        raise AppLoadError(f"function {name}: {binding.name} is {way} the annotation func.Out[...]")
    pytype = typing.get_args(annotation)[0] if is_out else annotation
    if not isinstance(pytype, type) and not _is_typing_generic(pytype):
        raise AppLoadError(
            f"function {name}: annotation {pytype!r} of parameter {binding.name} is no plain class; "
            "the worker refuses it, write the bare class instead"
        )
    converter = _converter(binding)
    if converter is None or pytype in (str, bytes) or not isinstance(pytype, type):
        return
    check = converter.check_output_type_annotation if is_out else converter.check_input_type_annotation
    if not check(pytype):
        raise AppLoadError(f"function {name}: {binding.name} ({binding.type}) cannot be a {pytype.__name__}")


def _converter(binding: Binding) -> Any:
    registry: Any = get_binding_registry()  # type: ignore[no-untyped-call]
    return registry.get(binding.type)


def _is_typing_generic(annotation: Any) -> bool:
    # typing.List[str] passes in the worker, list[str], X | None and Optional[X] do not.
    return type(annotation).__name__ == "_GenericAlias"


def _check_return(name: str, binding: Binding, annotation: Any) -> None:
    if not isinstance(annotation, type):
        raise AppLoadError(
            f"function {name}: return annotation {annotation!r} is no plain class; the worker refuses it"
        )
    converter = _converter(binding)
    if converter is not None and not converter.check_output_type_annotation(annotation):
        raise AppLoadError(
            f"function {name}: return annotation {annotation.__name__} does not fit a {binding.type} output"
        )
