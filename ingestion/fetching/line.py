"""A JSON value as a line of the spool: compact, each number with the digits that came."""

import json
import secrets
from typing import Any

from ingestion.errors import SourceRefused

# Around a number whose digits no encoder of the library would keep; nobody can put it into a message.
_MARK = secrets.token_hex(16)


def _marked(digits: Any) -> str:
    return f"{_MARK}{digits!r}{_MARK}"


_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_marked).encode
_encode_escaped = json.JSONEncoder(separators=(",", ":"), default=_marked).encode
_encode_sorted = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, sort_keys=True, default=_marked).encode


def line_of(value: Any, *, sort_keys: bool = False) -> bytes:
    """Return a message as the spool has it: compact JSON and a line feed, each number with the digits that came."""
    try:
        text = (_encode_sorted if sort_keys else _encode)(value)
        if _MARK in text:
            text = _unmarked(text)
        return f"{text}\n".encode()
    except RecursionError:
        raise SourceRefused("a message is too deeply nested to be written as JSON") from None
    except UnicodeEncodeError:  # half of a surrogate pair: escaped here, so that the sender rejects it alone
        return f"{_unmarked(_encode_escaped(value))}\n".encode()


def _unmarked(text: str) -> str:
    return text.replace(f'"{_MARK}', "").replace(f'{_MARK}"', "")
