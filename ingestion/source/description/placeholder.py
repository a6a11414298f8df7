"""`%NAME%` in a description stands for the app setting NAME, and `%%` for a percent sign.

A percent sign that belongs to neither stays as it is.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ingestion.errors import InvalidInput

_PLACEHOLDER = re.compile(r"%%|%([A-Za-z_][A-Za-z0-9_]*)%")
_STAND_IN, _STAND_IN_URL = "app-setting", "http://app-setting.invalid"

Setting = Callable[[re.Match[str], str], str]  # the match, and the key where it is; gives the text in its place


def settings_in(value: Any) -> list[str]:
    """Return the app settings that `value` names anywhere, in its order."""
    found: list[str] = []

    def noted(match: re.Match[str], where: str) -> str:
        found.append(match[1])
        return ""

    _replaced(value, noted, "")
    return found


def filled_in(value: Any, environment: Mapping[str, str], where: str) -> Any:
    """Return `value`, which is at `where`, with the app settings in. Raise InvalidInput if one is not set."""

    def setting(match: re.Match[str], where: str) -> str:
        if match[1] in environment:
            return environment[match[1]]
        allowed = "the name of an app setting between %, or %% for a percent sign"
        raise InvalidInput(where, f"the app setting {match[1]} is not set", allowed)

    return _replaced(value, setting, where)


def stood_in(value: Any, environment: Mapping[str, str]) -> Any:
    """Return `value` with a stand-in for each app setting that is not set: a URL where a text begins with it."""

    def setting(match: re.Match[str], where: str) -> str:
        return environment.get(match[1], _STAND_IN if match.start() else _STAND_IN_URL)

    return _replaced(value, setting, "")


def _replaced(value: Any, setting: Setting, where: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(inner, setting, f"{where}.{key}") for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, setting, where) for inner in value]
    if not isinstance(value, str):
        return value
    return _PLACEHOLDER.sub(lambda match: "%" if match[1] is None else setting(match, where), value)
