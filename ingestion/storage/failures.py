"""Turn errors of the storage clients into errors of Sluice."""

import re
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, HttpResponseError

from ingestion.errors import StorageRefused, StorageUnavailable, first_line
from ingestion.storage.account import STORAGE

# The error codes for an identity without the role, and for a signature without the permission or resource type.
NOT_ALLOWED = ("AuthorizationPermissionMismatch", "AuthorizationFailure", "AuthorizationResourceTypeMismatch")


_NO_WORD = re.compile(r"[^\w .,']")  # left out of error codes, because an answer may repeat a signature


@contextmanager
def storage_errors(doing: str, setting: str = STORAGE) -> Iterator[None]:
    """Turn errors of the client library into StorageRefused or StorageUnavailable.

    `doing` names the work, `setting` the app setting of the account.
    """
    try:
        yield
    except HttpResponseError as error:
        status = error.status_code
        if status is None:  # there was no answer: the identity got no token
            text = f"could not {doing}: {first_line(error)}. {_advice(setting)}"
            raise StorageUnavailable(text) from error
        kind = StorageUnavailable if status in (408, 429) or status >= 500 else StorageRefused
        advice = f". {_advice(setting)}" if status in (401, 403) else ""
        raise kind(f"could not {doing}: storage answered HTTP {status} ({_code(error)}){advice}") from error
    except AzureError as error:
        raise StorageUnavailable(
            f"could not {doing}: the storage account cannot be reached ({first_line(error)}). "
            f"Check {setting} and the network."
        ) from error


def _advice(setting: str) -> str:
    blobs = "s Storage Blob Data Owner and" if setting == STORAGE else ""
    return (
        f"Check {setting} (a key or a signature may be wrong, have expired or not allow this), or give the app's "
        f"identity the role{blobs} Storage Queue Data Contributor"
    )


async def unless(request: Awaitable[object], *codes: str) -> None:
    """Await `request`; ignore an error with one of these codes."""
    try:
        await request
    except HttpResponseError as error:
        if _code(error) not in codes:
            raise


def _code(error: HttpResponseError) -> str:
    code = getattr(error, "error_code", None)
    return _NO_WORD.sub("", str(getattr(code, "value", code) or error.reason))
