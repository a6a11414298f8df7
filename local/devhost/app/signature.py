"""Compare a function's Python parameters with its bindings, by the Python worker's rules."""

import collections.abc
import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from azure.functions import Out
from azure.functions.decorators.core import Binding
from azure.functions.meta import get_binding_registry

from local.devhost.errors import AppLoadError

RETURN = "$return"


def check_signature(name: str, user_function: Callable[..., Any], bindings: Sequence[Binding]) -> bool:
    """Return whether the function takes the invocation context. Raise AppLoadError if the worker would refuse it."""
    try:
        annotations = typing.get_type_hints(user_function)
    except Exception as error:
        raise AppLoadError(
            f"function {name}: cannot resolve an annotation ({type(error).__name__}: {error}); "
            "the worker does not know names that are imported only under TYPE_CHECKING"
        ) from error
    parameters = set(inspect.signature(user_function).parameters)
    fault = next(_find_faults(parameters, annotations, {binding.name: binding for binding in bindings}), None)
    if fault is not None:
        raise AppLoadError(f"function {name}: {fault}")
    return "context" in parameters and all(binding.name != "context" for binding in bindings)


def _find_faults(parameters: set[str], annotations: dict[str, Any], bound: dict[str, Binding]) -> Iterator[str]:
    taken = bound.keys() - {RETURN}
    context = annotations.get("context")
    if "context" not in taken and context is not None and getattr(context, "__name__", "") != "Context":
        yield f"parameter context must be an azure.functions.Context, not {context!r}"
    if extra := sorted(parameters - taken - {"context"}):
        yield f"no binding gives a value to parameter {', '.join(extra)}"
    if missing := sorted(taken - parameters):
        yield f"no parameter takes the binding {', '.join(missing)}"
    for name in sorted(taken & annotations.keys()):
        yield from _find_parameter_faults(bound[name], annotations[name])
    if RETURN in bound and "return" in annotations:
        yield from _find_return_faults(bound[RETURN], annotations["return"])


def _find_parameter_faults(binding: Binding, annotation: Any) -> Iterator[str]:
    if (typing.get_origin(annotation) or annotation) is Out:
        yield f"{binding.name} is an input and must not have the annotation func.Out[...]"
    if not isinstance(annotation, type):
        # The worker accepts Dict, List[str] and Mapping, but not list[str], Tuple, Callable, Optional[X] and ClassVar.
        origin = typing.get_origin(annotation) if type(annotation).__module__ == "typing" else None
        if not isinstance(origin, type) or origin in (tuple, collections.abc.Callable):
            yield f"annotation {annotation!r} of parameter {binding.name} is not a plain class: write the bare class"
        return
    if annotation not in (str, bytes) and not _converter_says(binding, "check_input_type_annotation", annotation):
        yield f"{binding.name} ({binding.type}) cannot be a {annotation.__name__}"


def _find_return_faults(binding: Binding, annotation: Any) -> Iterator[str]:
    if not isinstance(annotation, type):
        yield f"return annotation {annotation!r} is not a plain class; the worker refuses it"
    elif not _converter_says(binding, "check_output_type_annotation", annotation):
        yield f"return annotation {annotation.__name__} does not fit a {binding.type} output"


def _converter_says(binding: Binding, check: str, pytype: type) -> bool:
    registry: Any = get_binding_registry()  # type: ignore[no-untyped-call]
    converter = registry.get(binding.type)
    return converter is None or bool(getattr(converter, check)(pytype))
