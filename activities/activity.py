"""The wrapper of every activity: decode, open storage, do the work, turn a refusal into an outcome, encode."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ingestion.deadline import in_time
from ingestion.errors import InvalidInput, PermanentError
from ingestion.open_storage import Storage, open_storage
from ingestion.settings import Settings, load_settings
from ingestion.storage.failures import storage_errors
from ingestion.wire import JsonObject, from_wire, to_wire

Request = TypeVar("Request")
Work = Callable[[Request, Storage, Settings], Awaitable[Any]]


def activity(
    kind: type[Request], *, doing: str, refused: Callable[[Request, str], Any] | None = None
) -> Callable[[Work[Request]], Callable[[JsonObject], Awaitable[JsonObject]]]:
    """Return a decorator that turns a function of a `kind` record into an activity.

    `doing` names the work in error texts; it is a `str.format` template over the record. `refused` returns the outcome
    of an error that a retry cannot fix. Without it this error is raised and retried, like every other error.
    """

    def decorate(work: Work[Request]) -> Callable[[JsonObject], Awaitable[JsonObject]]:
        async def run(request: dict) -> dict:  # the worker reads these annotations
            wanted = from_wire(kind, request)
            try:
                settings = load_settings()
                about = doing.format(wanted)
                async with in_time(about):
                    with storage_errors(about):
                        return to_wire(await work(wanted, open_storage(settings), settings))
            except (InvalidInput, PermanentError) as error:
                if refused is None:
                    raise
                return to_wire(refused(wanted, str(error)))

        run.__name__, run.__qualname__, run.__module__ = work.__name__, work.__qualname__, work.__module__
        run.__doc__ = work.__doc__
        return run

    return decorate
