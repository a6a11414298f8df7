"""Everything that can go wrong in devhost, as one tree.

On the way: raised by the loader, the task hub and the worker; caught once at the edges. The HTTP
handlers turn each kind into one status code, the command line turns the first and the last two
groups into one line on stderr and exit code 1.

    DevhostError
    ├── AppLoadError           the app cannot be served as it is
    ├── InvalidRequest         400
    ├── InstanceNotFound       404
    ├── InstanceConflict       409
    ├── InstanceFinished       410
    ├── InstanceNotTerminal    412
    ├── WrongState             500
    ├── StateFileError         the state file is locked or of another schema
    └── ActivityError          an activity raised or ran out of time
"""

from __future__ import annotations


class DevhostError(Exception):
    """Root of every error devhost raises on purpose."""


class AppLoadError(DevhostError):
    """The app's code or configuration cannot be served; the text is one line naming the place."""


class InvalidRequest(DevhostError):
    """The request to the task hub makes no sense as sent."""


class InstanceNotFound(DevhostError):
    """No instance has this id."""


class InstanceConflict(DevhostError):
    """An instance with this id exists already and may not be replaced."""


class InstanceFinished(DevhostError):
    """The instance has ended and takes no more messages."""


class InstanceNotTerminal(DevhostError):
    """The instance is not in the end state the request needs."""


class WrongState(DevhostError):
    """The instance runs, but not in the state the request needs."""


class StateFileError(DevhostError):
    """The state file is in use by another devhost, or written by another schema."""


class ActivityError(DevhostError):
    """An activity failed: what the orchestration's history says about it."""

    def __init__(self, type_name: str, message: str, traceback: str = "") -> None:
        super().__init__(f"{type_name}: {message}")
        self.type_name = type_name
        self.message = message
        self.traceback = traceback
