"""JSON as the host hands it on: what .NET cannot hold becomes text on the way."""

import json
import re

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_ODD = re.compile(r"NaN|Infinity|\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def read_text(text: str) -> str:
    """Return a text whose halves of surrogate pairs are replacement characters, as in the host's UTF-8."""
    return _HALF_PAIR.sub("\ufffd", text)


def read_json(text: str) -> str:
    """Return JSON text with NaN and infinities as texts and without halves of surrogate pairs."""
    if not _ODD.search(text):
        return text
    try:
        value = json.loads(text, parse_constant=str)
    except ValueError:  # no JSON: the text of a failure, say
        return read_text(text)
    return read_text(json.dumps(value, ensure_ascii=False))
