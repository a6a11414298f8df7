"""The wrapper of every activity: decode, open storage, do the work, turn a refusal into an outcome, encode."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from activities.log import log_refusal
from ingestion.deadline import in_time
from ingestion.errors import InvalidInput, PermanentError, RetryableError, bounded
from ingestion.open_storage import Storage, open_storage
from ingestion.settings import Settings, load_settings
from ingestion.storage.failures import storage_errors
from ingestion.wire import JsonObject, from_wire, to_wire

Request = TypeVar("Request")
Outcome = TypeVar("Outcome")
Work = Callable[[Request, Storage, Settings], Awaitable[Outcome]]


def activity(
    request_kind: type[Request],
    outcome_kind: type[Outcome],
    *,
    doing: str,
    log_error: Callable[[Request, str], None] = log_refusal,
) -> Callable[[Work[Request, Outcome]], Callable[[JsonObject], Awaitable[JsonObject]]]:
    """Return a decorator that turns a function from one record to another into an activity.

    `doing` names the work in error texts; it is a `str.format` template over the request. An error that a retry cannot
    fix is logged and becomes the outcome. Every other error is raised, and the activity retried.
    """

    def decorate(work: Work[Request, Outcome]) -> Callable[[JsonObject], Awaitable[JsonObject]]:
        async def run(request: dict) -> dict:  # the worker reads these annotations
            wanted = from_wire(request_kind, request)
            try:
                settings = load_settings()
                about = doing.format(wanted)
                async with in_time(about):
                    with storage_errors(about):
                        return to_wire(await work(wanted, open_storage(settings), settings))
            except (InvalidInput, PermanentError) as error:
                problem = bounded(str(error))
                log_error(wanted, problem)
                return to_wire(outcome_kind(error=problem))  # type: ignore[call-arg]  # every outcome has it
            except Exception as error:
                if len(text := str(error)) == len(problem := bounded(text)):
                    raise
                raise RetryableError(problem) from None

        run.__name__, run.__qualname__, run.__module__ = work.__name__, work.__qualname__, work.__module__
        run.__doc__ = work.__doc__
        return run

    return decorate
