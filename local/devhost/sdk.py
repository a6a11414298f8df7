"""Check that the installed azure-functions-durable is version 1, the version for which devhost is written."""

from importlib.metadata import version

from local.devhost.errors import DevhostError

_PACKAGE = "azure-functions-durable"


def check_sdk(installed: str | None = None) -> None:
    """Raise DevhostError unless the SDK, or the given version, is version 1."""
    installed = installed or version(_PACKAGE)
    if installed.partition(".")[0] != "1":
        raise DevhostError(
            f"{_PACKAGE} {installed} is installed, but devhost uses private names of version 1, "
            f"which another version may not have: install '{_PACKAGE}<2'"
        )
