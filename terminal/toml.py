"""Write one table of `sources.toml`, with a comment line before each guessed key."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any


def table_of(name: str, table: Mapping[str, Any], why: Mapping[str, str], left_open: Sequence[str]) -> str:
    """Return the table as text; `why` has the reason for each key, and `left_open` has the comments at the end."""
    lines = [f"[{name}]"]
    for key, value in table.items():
        if key in why:
            lines.append(f"# {key}: {_one_line(why[key])}")
        lines.append(f"{_key(key)} = {_value(value)}")
    lines += [f"# unknown: {_one_line(each)}" for each in left_open]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text)


def _key(key: str) -> str:
    return key if re.fullmatch("[A-Za-z0-9_-]+", key) else _text(key)


def _value(value: Any) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case str():
            return _text(value)
        case bool():
            return str(value).lower()
    return str(value)


def _text(text: str) -> str:
    """Return a quoted text: TOML escapes as JSON does, and DEL as well."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
