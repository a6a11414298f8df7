"""Every error that Sluice raises on purpose, split by what the caller does about it.

SluiceError
├── InvalidInput         a person gave something wrong; names the field and the problem
│   ├── NotFound             what the field names does not exist
│   └── Conflict             the run is not in a state for what was asked
├── PermanentError       trying again cannot help; the message says what to change
│   ├── SourceRefused        the source answered, and the answer is a refusal or not what was described
│   ├── SourceUnreachable    the source did not answer, however often it was asked, or never can
│   ├── StorageRefused       the storage account refused, or does not exist
│   ├── SpoolConflict        somebody else wrote what this batch was about to write
│   └── UnknownSchema        another version of the app wrote the state of a run
└── RetryableError       the same call may succeed later
    ├── StorageUnavailable   the storage account did not answer, or said that it is busy
    ├── DurableUnavailable   Durable Functions did not do what it was asked, or did not tell
    ├── RunLocked            somebody else starts, redrives, deletes or recovers the run, or it is ending
    ├── OutOfTime            the function had no time left
    ├── ChunkOutOfTime       no message of the chunk got through in its time
    └── ChunkTakenOver       another copy of this activity sends the chunk
"""


class SluiceError(Exception):
    """The root: catch it to catch all that Sluice raises on purpose."""


class InvalidInput(SluiceError):
    """A field of a request, a setting or a source description is wrong.

    `field` is its name; `allowed` says what it may be where `problem` does not.
    """

    def __init__(self, field: str, problem: str, allowed: str = "") -> None:
        super().__init__(f"{field}: {problem}" + (f"; allowed: {allowed}" if allowed else ""))
        self.field = field
        self.problem = problem
        self.allowed = allowed


class NotFound(InvalidInput):
    """What a field names does not exist."""


class Conflict(InvalidInput):
    """The run is not in a state for what was asked of it."""


def first_line(error: BaseException) -> str:
    """What an error says, without the lines after the first, which hold traces and bodies."""
    return str(error).partition("\n")[0].strip() or type(error).__name__


class PermanentError(SluiceError):
    """Trying again cannot help."""


class SourceRefused(PermanentError):
    """The source answered with a refusal, or with something other than its description promises."""


class SourceUnreachable(PermanentError):
    """The source gave no usable answer for as long as it may be away, or has no name or certificate to be asked by."""


class StorageRefused(PermanentError):
    """The storage account refused the call: a role is missing, a name is wrong, a resource is not there."""


class SpoolConflict(PermanentError):
    """Another copy of the same fetch committed this batch first."""


class UnknownSchema(PermanentError):
    """Another version of the app wrote the state of a run."""


class RetryableError(SluiceError):
    """The same call may succeed later."""


class StorageUnavailable(RetryableError):
    """The storage account did not answer, or is busy."""


class DurableUnavailable(RetryableError):
    """Durable Functions did not answer, or answered that something went wrong."""


class RunLocked(RetryableError):
    """Somebody else starts, redrives, deletes or recovers the run at this moment, or its last attempt ends late."""


class OutOfTime(RetryableError):
    """The function had no time left before the host would end it, and its worker with it."""


class ChunkOutOfTime(RetryableError):
    """The chunk's time is spent and not one of its messages has got through."""


class ChunkTakenOver(RetryableError):
    """Another copy of the same activity has claimed the chunk; this one has stopped."""
