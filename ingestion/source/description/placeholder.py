"""`%NAME%` in a description stands for the app setting NAME, and `%%` for a percent sign.

A percent sign that belongs to neither stays as it is.
"""

import re
from collections.abc import Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"%%|%([A-Za-z_][A-Za-z0-9_]*)%")
STAND_IN, _STAND_IN_URL = "app-setting", "http://app-setting.invalid"


def settings_in(value: Any, where: str = "") -> dict[str, str]:
    """Return the app settings that `value`, which is at `where`, names anywhere, each with the key where it does."""
    match value:
        case dict():
            inner = [settings_in(each, f"{where}.{key}") for key, each in value.items()]
        case list():
            inner = [settings_in(each, where) for each in value]
        case str():
            return dict.fromkeys(filter(None, _PLACEHOLDER.findall(value)), where)
        case _:
            return {}
    return {name: key for found in inner for name, key in found.items()}


def filled_in(value: Any, environment: Mapping[str, str]) -> Any:
    """Return `value` with the app settings in; one that is not set gets a stand-in, a URL where the text begins."""

    def text(match: re.Match[str]) -> str:
        stand_in = STAND_IN if match.start() else _STAND_IN_URL
        return "%" if match[1] is None else environment.get(match[1], stand_in)

    match value:
        case dict():
            return {key: filled_in(inner, environment) for key, inner in value.items()}
        case list():
            return [filled_in(inner, environment) for inner in value]
        case str():
            return _PLACEHOLDER.sub(text, value)
    return value
