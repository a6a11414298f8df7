"""Every error that Sluice raises on purpose, split by what the caller does about it.

SluiceError
├── InvalidInput         an input is wrong; names the field and the problem
│   ├── NotFound             what the field names does not exist
│   ├── Conflict             the state of the run does not allow this
│   ├── Unconditional        a change does not name the version that it replaces
│   └── WasChanged           a change names a version that is no longer the present one
├── PermanentError       a retry cannot help; the message says what to change
│   ├── SourceRefused        the source refused, or its answer does not fit its description
│   │   └── PageRefused          the source answered the request for a page with an error status
│   ├── SourceUnreachable    the source was away for too long, or its name or certificate is invalid
│   ├── StorageRefused       the storage account refused, or does not exist
│   ├── ChunkSettled         only a later attempt of the run may still send the chunk
│   └── UnknownSchema        another version of the app wrote the state of a run
├── HeldBack             a command came while the activity was at work
└── RetryableError       the same call may succeed later
    ├── StorageUnavailable   the storage account did not answer, or is busy
    ├── DurableUnavailable   Durable Functions failed, or did not answer
    ├── RunLocked            another operation holds the lock of the run, or it is still ending
    ├── OutOfFiles           no file descriptor was left
    ├── OutOfTime            the function had no time left
    ├── ChunkOutOfTime       the time of the chunk is up, and no message of it was sent
    └── ChunkTakenOver       another copy of the same activity sends the chunk
"""

import errno
import json

MAX_PAYLOAD_BYTES = 3_000  # of an error, as JSON
SHOWN_CHARACTERS = 200  # of an input, in an error text


def shown(given: object) -> str:
    """Return an input for an error text: as a literal, cut if it is long."""
    text = repr(given)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 4]} ..."


def cut(text: str, most: int) -> str:
    """Return `text`, or as many whole words of it as fit into `most` characters."""
    if len(text) <= most:
        return text
    whole, _, _ = text[: most - 3].rpartition(" ")
    return f"{whole or text[: most - 4]} ..."


class SluiceError(Exception):
    """The root of all errors that Sluice raises on purpose."""


class InvalidInput(SluiceError):
    """A field of a request, a setting or a source description is wrong.

    `field` is its name; `allowed` says what is allowed unless `problem` does.
    """

    def __init__(self, field: str, problem: str, allowed: str = "") -> None:
        super().__init__(f"{field}: {problem}" + (f"; allowed: {allowed}" if allowed else ""))
        self.field = field
        self.problem = problem
        self.allowed = allowed


class NotFound(InvalidInput):
    """A field names something that does not exist."""


class Conflict(InvalidInput):
    """The state of the run does not allow this request or command."""


class Unconditional(InvalidInput):
    """A change does not name the version that it replaces."""


class WasChanged(InvalidInput):
    """A change names a version that is no longer the present one."""


def bounded(text: str) -> str:
    """Return an error text, cut so that a record with it stays below the 4 KB of a payload."""
    kept = text
    while len(json.dumps(kept)) > MAX_PAYLOAD_BYTES:
        kept = kept[: len(kept) * 9 // 10]
    return kept if kept == text else f"{kept} ..."


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text; later lines hold traces and bodies."""
    return str(error).partition("\n")[0].strip() or type(error).__name__


class PermanentError(SluiceError):
    """A retry cannot help."""


class SourceRefused(PermanentError):
    """The source refused, or its answer does not fit its description."""


class PageRefused(SourceRefused):
    """The source answered the request for a page with an error status."""


class SourceUnreachable(PermanentError):
    """The source has been away for too long, or its name or certificate is invalid."""


class StorageRefused(PermanentError):
    """The storage account refused the call: a role is missing, a name is wrong, or a resource does not exist."""


class ChunkSettled(PermanentError):
    """The chunk is settled, or a later attempt of the run has it: this late copy sends nothing."""


class UnknownSchema(PermanentError):
    """Another version of the app wrote the state of a run."""


class HeldBack(SluiceError):
    """A command holds an activity back while it is at work; `command` says which."""

    def __init__(self, command: str) -> None:
        super().__init__(f"held back by {command}")
        self.command = command


class RetryableError(SluiceError):
    """The same call may succeed later."""


class StorageUnavailable(RetryableError):
    """The storage account did not answer, or is busy."""


class DurableUnavailable(RetryableError):
    """Durable Functions did not answer, or answered with an error."""


class RunLocked(RetryableError):
    """Another operation holds the lock of the run, or its last attempt is still ending."""


class OutOfFiles(RetryableError):
    """The process or the machine had no file descriptor left."""


def is_shortage(error: BaseException | None) -> bool:
    """Return whether a shortage of file descriptors, which is temporary, has caused an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return True
        error = error.__cause__ or error.__context__
    return False


class OutOfTime(RetryableError):
    """The function had no time left before the host would end it, and its worker with it."""


class ChunkOutOfTime(RetryableError):
    """The time of the chunk is up, and no message of it was sent."""


class ChunkTakenOver(RetryableError):
    """Another copy of the same activity has claimed the chunk; this one has stopped."""
