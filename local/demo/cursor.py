"""The demo API's cursors: a position in the catalogue, as text without a meaning to clients.

Enters: where the next page starts. Leaves: what the client has to send back to get it.
"""

import base64
import binascii
import json


class BadCursor(Exception):
    """A cursor that this API never gave out."""


def issue(start: int) -> str:
    """A position as clients see it: text without a meaning of their own."""
    return base64.urlsafe_b64encode(json.dumps({"after": start}).encode()).decode().rstrip("=")


def position(text: str) -> int:
    """The position in a cursor; raises BadCursor."""
    try:
        start = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))["after"]
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise BadCursor(text) from error
    if not isinstance(start, int) or start < 0:
        raise BadCursor(text)
    return start
