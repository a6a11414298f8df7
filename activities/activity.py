"""The wrapper of every activity: it decodes the request, opens storage, runs the work, and encodes the outcome."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import azure.functions as func
from opentelemetry.trace import Span

from activities.log import log_refusal
from ingestion.concealed import conceal, errors_concealed
from ingestion.contracts import Run
from ingestion.deadline import in_time
from ingestion.errors import InvalidInput, OutOfFiles, PermanentError, RetryableError, bounded, is_shortage
from ingestion.open_storage import Storage, open_storage
from ingestion.settings import Settings, load_settings
from ingestion.storage.failures import storage_errors
from ingestion.telemetry import fail, run_span
from ingestion.wire import JsonObject, from_wire, to_wire


class OfRun(Protocol):
    """A request about a run."""

    @property
    def run(self) -> Run: ...


Request = TypeVar("Request", bound=OfRun)
Outcome = TypeVar("Outcome")
Wrapper = TypeVar("Wrapper", bound=Callable[..., Any])
Work = Callable[[Request, Storage, Settings], Awaitable[Outcome]]


def activity(
    request_kind: type[Request],
    outcome_kind: type[Outcome],
    *,
    doing: str,
    log_error: Callable[[Request, str], None] = log_refusal,
) -> Callable[[Work[Request, Outcome]], Callable[[JsonObject], Awaitable[JsonObject]]]:
    """Return a decorator that turns a function from one record to another into an activity.

    `doing` names the work in error texts; it is a `str.format` template over the request. The activity logs an error
    that no retry can fix, and returns it as the outcome. It raises every other error, and a shortage of file
    descriptors, so that Durable Functions retries it.
    """

    def decorate(work: Work[Request, Outcome]) -> Callable[[JsonObject], Awaitable[JsonObject]]:
        # The Functions worker reads these annotations.
        async def run(request: dict, context: func.Context = None) -> dict:  # type: ignore[assignment]
            wanted = from_wire(request_kind, request)
            host = context.trace_context.trace_parent if context else ""
            with run_span(work.__name__, wanted.run, host) as span:
                return await done(wanted, span)

        async def done(wanted: Request, span: Span) -> JsonObject:
            about = doing.format(wanted)
            try:
                settings = load_settings()
                async with in_time(about):
                    storage = open_storage(settings)
                    with errors_concealed(), storage_errors(about), storage.at_work.noted(wanted.run.id):
                        return to_wire(await work(wanted, storage, settings))
            except (InvalidInput, PermanentError) as error:
                if is_shortage(error):
                    raise OutOfFiles(f"could not {about}: no file descriptor is left ({error})") from error
                reason = bounded(conceal(str(error)))
                log_error(wanted, reason)
                fail(span, reason)
                return to_wire(outcome_kind(error=reason))  # type: ignore[call-arg]  # every outcome has it
            except Exception as error:
                reason = bounded(str(error))
                if reason == str(error):
                    raise
                raise RetryableError(reason) from None

        return named_after(work, run)

    return decorate


def named_after(work: Callable[..., Any], run: Wrapper) -> Wrapper:
    """Return `run` with the name and docstring of `work`; it keeps its own annotations, which the worker reads."""
    run.__name__, run.__qualname__, run.__module__ = work.__name__, work.__qualname__, work.__module__
    run.__doc__ = work.__doc__
    return run
