"""Holds the installed azure-functions-durable against the line that devhost was written for."""

from importlib.metadata import version

from local.devhost.errors import DevhostError

_PACKAGE = "azure-functions-durable"


def check_sdk(installed: str | None = None) -> None:
    """Raise DevhostError unless the SDK, or the version given, is of line 1."""
    installed = installed or version(_PACKAGE)
    if installed.partition(".")[0] != "1":
        raise DevhostError(
            f"{_PACKAGE} {installed} is installed, but devhost replays orchestrators through private names of line 1, "
            f"which another line need not have: install '{_PACKAGE}<2'"
        )
