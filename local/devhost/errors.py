"""The errors of devhost. The command line prints one line and ends with code 1; an HTTP response has `status`."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

_DURABLE = "Microsoft.Azure.WebJobs.Extensions.DurableTask"


class DevhostError(Exception):
    """The base class. Over HTTP an error has the real host's `Message` and `ExceptionType`.

    If `exception_type` is empty, the response has only `Message`, with the error's own text.
    """

    status = 500
    message = "Something went wrong while processing your request"
    exception_type = "System.InvalidOperationException"


class AppLoadError(DevhostError):
    """devhost cannot serve the app's code or configuration; `then` says what the real host does with it."""

    then = "starts with 0 functions: every path answers 404"

    def __init__(self, text: str, then: str = "") -> None:
        super().__init__(f"{text} (the real host {then or self.then})")


class HostStartError(AppLoadError):
    """An error because of which the real host does not start."""

    then = "does not start: every path answers 503"


class StateFileError(DevhostError):
    """The state file is in use by another devhost, has another schema, or cannot be read or written."""


class Refusal(DevhostError):
    """The durable HTTP API refuses a request with this status."""

    exception_type = ""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class NotServed(Refusal):
    """The request needs something that devhost does not have."""

    def __init__(self, what: str) -> None:
        super().__init__(501, f"devhost does not serve {what}: use the real host")


class InvalidJson(DevhostError):
    status = 400
    message = "Invalid JSON content"
    exception_type = "Newtonsoft.Json.JsonReaderException"


class StorageRefusal(DevhostError):
    """Azure Storage would refuse this request."""

    exception_type = "DurableTask.AzureStorage.Storage.DurableTaskStorageException"

    def __init__(self) -> None:
        super().__init__("An error occurred while communicating with Azure Storage")


class ActivityError(DevhostError):
    """A function of the app raised an exception, which the fields describe."""

    exception_type = "System.Exception, System.Private.CoreLib"

    def __init__(self, type_name: str, message: str, traceback: str = "") -> None:
        super().__init__(f"{type_name}: {message}")
        self.type_name = type_name
        self.message = message
        self.traceback = traceback

    def __reduce__(self) -> tuple[type["ActivityError"], tuple[str, str, str]]:
        return type(self), (self.type_name, self.message, self.traceback)


class HostFailure(DevhostError):
    """The host, not the app, made a call fail; `exception_type` is the .NET type with its assembly."""

    exception_type = "System.InvalidOperationException, System.Private.CoreLib"
    traceback = ""


class ActivityDisabled(HostFailure):
    """A call of a disabled activity."""

    exception_type = f"{_DURABLE}.FunctionFailedException, {_DURABLE}"

    def __init__(self, name: str) -> None:
        super().__init__(f"Activity function '{name}' is disabled.")


class FunctionTimeout(HostFailure):
    """A call took longer than host.json's functionTimeout."""

    exception_type = "Microsoft.Azure.WebJobs.Host.FunctionTimeoutException, Microsoft.Azure.WebJobs.Host"

    def __init__(self, function_name: str, seconds: float) -> None:
        self.method = f"Functions.{function_name}"
        self.span = str(timedelta(seconds=int(seconds))).zfill(len("00:00:00"))
        super().__init__(f"Timeout value of {self.span} was exceeded by function: {self.method}")


class WorkerExit(HostFailure):
    """The worker process ended while it ran the call."""

    exception_type = "Microsoft.Azure.WebJobs.Script.Workers.WorkerProcessExitException, Microsoft.Azure.WebJobs.Script"

    def __init__(self, code: int) -> None:
        super().__init__(f"python exited with code {code} (0x{code:X})")


@contextmanager
def explained(failure: str) -> Iterator[None]:
    """Turn an OSError in the block into a DevhostError that begins with `failure`."""
    try:
        yield
    except OSError as error:
        raise DevhostError(f"{failure}: {error.strerror}") from error
