"""Everything that devhost raises on purpose: one line and exit code 1 for the command line, `status` over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

_DURABLE = "Microsoft.Azure.WebJobs.Extensions.DurableTask"


class DevhostError(Exception):
    """Root of the tree; over HTTP also what the real host says as Message and ExceptionType.

    Without an exception type, Message is all there is, and the error's own text.
    """

    status = 500
    message = "Something went wrong while processing your request"
    exception_type = "System.InvalidOperationException"


class AppLoadError(DevhostError):
    """The app's code or configuration cannot be served: one line that names the place and what the real host does."""

    then = "starts with 0 functions: every path answers 404"

    def __init__(self, text: str, then: str = "") -> None:
        super().__init__(f"{text} (the real host {then or self.then})")


class HostStartError(AppLoadError):
    """A fault that keeps the real host from its start."""

    then = "does not start: every path answers 503"


class StateFileError(DevhostError):
    """The state file is in use by another devhost, or written by another schema."""


class Refusal(DevhostError):
    """The durable HTTP API refuses a request with this status."""

    exception_type = ""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class NotServed(Refusal):
    """The request asks for what devhost leaves out."""

    def __init__(self, what: str) -> None:
        super().__init__(501, f"devhost does not serve {what}: only a real host does")


class InvalidJson(DevhostError):
    status = 400
    message = "Invalid JSON content"
    exception_type = "Newtonsoft.Json.JsonReaderException"


class StorageRefusal(DevhostError):
    """Azure Storage would not take this."""

    exception_type = "DurableTask.AzureStorage.Storage.DurableTaskStorageException"

    def __init__(self) -> None:
        super().__init__("An error occurred while communicating with Azure Storage")


class ActivityError(DevhostError):
    """An activity failed: what the orchestration's history says about it."""

    exception_type = "System.Exception, System.Private.CoreLib"

    def __init__(self, type_name: str, message: str, traceback: str = "") -> None:
        super().__init__(f"{type_name}: {message}")
        self.type_name = type_name
        self.message = message
        self.traceback = traceback

    def __reduce__(self) -> tuple[type["ActivityError"], tuple[str, str, str]]:
        return type(self), (self.type_name, self.message, self.traceback)


class HostFailure(DevhostError):
    """The host, and not the app, made a call fail; `exception_type` is the .NET type of that, with its assembly."""

    exception_type = "System.InvalidOperationException, System.Private.CoreLib"
    traceback = ""


class ActivityDisabled(HostFailure):
    """A call of an activity that is switched off."""

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
    """Let an OSError in the block be a DevhostError that begins with these words."""
    try:
        yield
    except OSError as error:
        raise DevhostError(f"{failure}: {error.strerror}") from error
