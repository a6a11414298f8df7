"""JSON after the host has processed it: a value that .NET cannot represent becomes text."""

import json
import re

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_ODD = re.compile(r"NaN|Infinity|\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def read_text(text: str) -> str:
    """Return a text in which lone surrogates are replacement characters, as in the host's UTF-8."""
    return _HALF_PAIR.sub("\ufffd", text)


def read_json(text: str) -> str:
    """Return JSON text in which NaN and infinities are strings and lone surrogates are replaced."""
    if not _ODD.search(text):
        return text
    try:
        value = json.loads(text, parse_constant=str)
    except ValueError:  # not JSON, for example the text of a failure
        return read_text(text)
    return read_text(json.dumps(value, ensure_ascii=False))
