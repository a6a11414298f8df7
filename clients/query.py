"""Read the query of a GET: counts, flags, times, and the token of a page."""

import base64
import json
from datetime import datetime

import azure.functions as func

from ingestion.errors import InvalidInput, shown
from ingestion.moment import moment


def read_count(req: func.HttpRequest, name: str, *, default: int, least: int = 1, most: int) -> int:
    """Return the number in a query parameter. Raise InvalidInput."""
    given = req.params.get(name, str(default))
    if not (is_count(given) and least <= int(given) <= most):
        raise InvalidInput(name, f"{shown(given)} is not allowed", f"a number from {least} to {most}")
    return int(given)


def is_count(text: str) -> bool:
    """Return whether a text is a whole number of at most eight digits."""
    return text.isascii() and text.isdecimal() and len(text) < 9


def read_flag(req: func.HttpRequest, name: str) -> bool:
    """Return whether a query parameter is true; false if it is missing. Raise InvalidInput."""
    given = req.params.get(name, "false")
    if given not in ("true", "false"):
        raise InvalidInput(name, f"{shown(given)} is not allowed", "true or false")
    return bool(given == "true")


def read_moment(req: func.HttpRequest, name: str) -> datetime | None:
    """Return the time in a query parameter, None if it is missing. Raise InvalidInput."""
    if (given := req.params.get(name)) is None:
        return None
    try:
        return moment(given)
    except ValueError:
        problem, allowed = f"{shown(given)} is not a time", "a time such as 2026-11-25 or 2026-11-25T06:00:00Z"
        raise InvalidInput(name, problem, allowed) from None


def token_of(kind: str, *place: str) -> str:
    """Return the token for a place in a list of this kind."""
    return base64.urlsafe_b64encode(json.dumps((kind, *place)).encode()).decode().rstrip("=")


def read_token(req: func.HttpRequest, kind: str) -> str:
    """Return the place in the token `after`, empty if the parameter is missing. Raise InvalidInput."""
    return read_place(req, kind, 1)[0]


def read_place(req: func.HttpRequest, kind: str, parts: int) -> list[str]:
    """Return the parts of the place in the token `after`, empty if the parameter is missing. Raise InvalidInput."""
    if (given := req.params.get("after")) is None:
        return [""] * parts
    try:
        found = json.loads(base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True))
        json.dumps(found, ensure_ascii=False).encode()  # raises for half of a surrogate pair, which no token holds
    except (ValueError, RecursionError):
        found = None
    is_place = isinstance(found, list) and len(found) == parts + 1 and all(isinstance(part, str) for part in found)
    if not is_place or found[0] != kind:
        raise not_a_token()
    return list(found[1:])


def not_a_token() -> InvalidInput:
    """Return the error for an `after` that is not a token of this API."""
    return InvalidInput("after", "not a token", "the `next` of the page before")
