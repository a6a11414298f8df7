"""The exit codes, and the error that ends a command with one of them."""

from enum import IntEnum

from terminal.words import one_line


class Code(IntEnum):
    """The exit codes; a command that does not watch a run ends with 0 if it succeeded."""

    COMPLETED = 0
    FAILED = 1
    USAGE = 2
    COMPLETED_IN_PART = 3
    NOT_ALLOWED = 4
    NO_SUCH_RUN = 5
    STOPPED = 6
    TIMED_OUT = 7
    UNREACHABLE = 8
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141


OF_OUTCOME = {
    "completed": Code.COMPLETED,
    "completed_with_failures": Code.COMPLETED_IN_PART,
    "completed_with_rejects": Code.COMPLETED_IN_PART,
    "completed_with_other_total": Code.COMPLETED_IN_PART,
    "failed": Code.FAILED,
    "cancelled": Code.STOPPED,
    "terminated": Code.STOPPED,
}


class Trouble(Exception):
    """An error that ends a command with an exit code; the message is one line."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(one_line(message))
        self.code = code
