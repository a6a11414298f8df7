"""Write a JSON value as a line of the spool: compact, with the digits of each number unchanged."""

import json
import secrets
from typing import Any

from ingestion.errors import SourceRefused

# Surrounds a number that `json` would write with other digits, such as 1E400. It is random, so no message contains it.
_MARK = secrets.token_hex(16)


def _marked(digits: Any) -> str:
    return f"{_MARK}{digits!r}{_MARK}"


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_marked).encode
_encode_escaped = json.JSONEncoder(separators=(",", ":"), default=_marked).encode
_encode_sorted = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, sort_keys=True, default=_marked).encode


def line_of(value: Any, *, sort_keys: bool = False) -> bytes:
    """Return a message as compact JSON and a line feed, with the digits of each number unchanged."""
    try:
        text = (_encode_sorted if sort_keys else _encode)(value)
        if _MARK in text:
            text = _unmarked(text)
        return f"{text}\n".encode()
    except RecursionError:
        raise SourceRefused(
            "a message is too deeply nested to be written as JSON. Check the path message in the description"
        ) from None
    except UnicodeEncodeError:  # half of a surrogate pair: escape it, so that the sender rejects only this message
        return f"{_unmarked(_encode_escaped(value))}\n".encode()


def _unmarked(text: str) -> str:
    return text.replace(f'"{_MARK}', "").replace(f'{_MARK}"', "")
