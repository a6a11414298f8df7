"""Work on the table of a source as it is in the file: fill in app settings, make hashes, find mistakes.

`filled_in` replaces `%NAME%` with the app setting NAME, and `%%` with a percent sign; any other percent sign stays. No
error shows the value of a filled-in app setting.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ingestion.errors import InvalidInput
from ingestion.source.auth.kinds import SETTING_FIELDS
from ingestion.source.description.values import FROM, NO_VALUES, PLACES, Values
from ingestion.source.http.origin import origin
from ingestion.source.reading.path import ABSENT, exactly_at
from ingestion.validation import details, keys_at

# The names under which APIs take credentials; the file may have only %NAME% there.
HEADERS = {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "x-access-token"}
PARAMETERS = {"api_key", "apikey", "api-key", "access_token", "token", "client_secret", "password", "secret", "sig"}
PACE = {  # keys that do not change which items a source gives, so they do not count for the fingerprint
    "auth", "throttle", "limits", "attempts", "outage_seconds", "timeout_seconds", "parallel_fetches", "max_pages",
    "schedule", "time_zone", "if_running", "if_missed",
}  # fmt: skip
MESSAGES = "messages"  # the table about sending; all other keys are about reading
STAND_IN, _STAND_IN_URL = "app-setting", "http://app-setting.invalid"
_WORD = re.compile("[a-z_-]*|v[0-9]+")  # a usual part of an address, not a secret
_PLACEHOLDER = re.compile(r"%%|%([A-Za-z_][A-Za-z0-9_]*)%")
_NOT_HERE = "credentials do not belong in this file"
_NO_NAME = "not a name", "the name of an app setting, without %"
_ALLOWED = "the table auth, or %NAME% for the app setting NAME"
_IN_WORDS = {"dict_type": "not a table", "model_type": "not a table"}
_WITH_USER = re.compile(r"[a-z]+://[^/?#]*@", re.IGNORECASE)


def settings_in(value: Any, where: str = "") -> dict[str, str]:
    """Map each app setting that `value` names to the key that names it; `where` is the key of `value`."""
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


def filled_in(
    value: Any, environment: Mapping[str, str], values: Values = NO_VALUES, keys: tuple[str, ...] = ()
) -> Any:
    """Return `value` with app settings and the values of a run filled in; `keys` is its path in the table.

    A placeholder replaces an unset app setting: a URL at the beginning of a text, a word elsewhere. If a text is only a
    name for which the run has no value, its key is left out. Filled-in texts are not searched again.
    """
    takes = _takes_values(keys)
    match value:
        case dict():
            inside = {(*keys, key): inner for key, inner in value.items()}
            return {
                place[-1]: filled_in(inner, environment, values, place)
                for place, inner in inside.items()
                if not (_takes_values(place) and values.has_none(inner))
            }
        case list():
            return [filled_in(inner, environment, values, keys) for inner in value]
        case str() if takes and keys[0] not in ("url", "headers") and (found := values.alone(value)) is not None:
            return found
        case str():
            return _text(value, environment, values if takes else NO_VALUES, is_url=keys == ("url",))
    return value


def _takes_values(keys: tuple[str, ...]) -> bool:
    return any(keys[: len(place)] == place for place in PLACES)


def _text(text: str, environment: Mapping[str, str], values: Values, *, is_url: bool) -> str:
    filled, end = [], 0
    for match in _PLACEHOLDER.finditer(text):
        stand_in = STAND_IN if match.start() else _STAND_IN_URL
        setting = "%" if match[1] is None else environment.get(match[1], stand_in)
        filled += [values.into(text[end : match.start()], is_url=is_url), setting]
        end = match.end()
    return "".join((*filled, values.into(text[end:], is_url=is_url)))


def filled_in_secrets(table: Any, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the filled-in app settings that are secrets, by name. A host is not a secret; the rest of a URL may be."""
    others = exactly_at(table, ("hosts",))
    addresses = [exactly_at(table, ("url",)), exactly_at(table, ("auth", "token_url"))]
    addresses += others if isinstance(others, list) else []
    hosts = " ".join(origin(filled_in(url, environment)) for url in addresses if isinstance(url, str))
    found: dict[str, str] = {}
    for name in settings_in(_without(table, {MESSAGES})):
        value = environment.get(name, "")
        if "://" not in value:
            found |= {name: value} if value not in hosts else {}
            continue
        begins = value.index("://") + 3
        user, _, place = value[begins:].rpartition("@")
        pieces = [*user.split(":"), *re.split("[/?&=#]", place)[1:]]
        found |= {f"{name}.{at}": unquote(piece) for at, piece in enumerate(pieces) if not _WORD.fullmatch(piece)}
    return found


def fingerprint(table: dict[str, Any]) -> str:
    """Return a hash of a description without the keys in `PACE` and the table `messages`."""
    return _mark(_without(table, PACE | {MESSAGES}), 16)


def marks(table: dict[str, Any]) -> dict[str, str]:
    """Map each key that counts for `fingerprint`, such as "pagination.read", to a hash of its value."""
    inner = list(_without(table, PACE | {MESSAGES}).items())
    found = {}
    while inner:
        key, value = inner.pop()
        if isinstance(value, dict):
            inner += [(f"{key}.{name}", each) for name, each in value.items()]
        else:
            found[key] = _mark(value, 8)
    return found


def _without(table: Any, keys: set[str]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys} if isinstance(table, dict) else {}


def _mark(value: Any, size: int) -> str:
    return hashlib.blake2b(json.dumps(value, sort_keys=True, default=str).encode(), digest_size=size).hexdigest()


def mistakes(
    error: ValidationError, model: type[BaseModel], table: Any, where: str, environment: Mapping[str, str]
) -> list[InvalidInput]:
    """Return the mistakes in `table`, one for each key, unknown keys first; `where` names the table in errors.

    `model` is the type of the table, which has the allowed keys.

    A value that names an unset app setting counts as right.
    """
    found: dict[str, InvalidInput] = {}
    for each in sorted(details(error), key=lambda each: each["type"] != "extra_forbidden"):
        keys = _keys(each, table)
        if settings_in(exactly_at(table, keys)).keys() - environment.keys():
            continue
        field, problem = ".".join((where, *keys)), _IN_WORDS.get(each["type"], each["msg"])
        if field in found:  # several types are allowed here, and each gave an error
            problem = f"{found[field].problem}; or {problem}"
        allowed = each.get("ctx", {}).get("allowed", "")
        if each["type"] == "extra_forbidden":
            allowed = ", ".join(keys_at(model, each["loc"][:-1]))
            if len(keys) == 1 and exactly_at(table, (*keys, "url")) is not ABSENT:
                allowed = "a source name without a dot: a dot makes a table inside of a table"
        found[field] = InvalidInput(field, problem, allowed)
    return list(found.values())


def _keys(error: ErrorDetails, table: Any) -> tuple[str, ...]:
    """Return the path of an error in the file, without the names of kinds and types that pydantic adds."""
    keys: tuple[str, ...] = ()
    last = ""
    for last in map(str, error["loc"]):
        if exactly_at(table, (*keys, last)) is not ABSENT:
            keys = (*keys, last)
    of_a_type = error["type"].endswith("_type")  # then `last` is a type that pydantic tried, not a missing key
    missing = isinstance(exactly_at(table, keys), dict) and keys[-1:] != (last,) and not of_a_type
    return (*keys, last) if missing and last else keys


def secrets_in(table: Any, where: str) -> Iterator[InvalidInput]:
    """Yield an error for each credential in a header, parameter or url; %NAME% is allowed there.

    The file goes into version control, so it must have no credentials. Also yield an error for each %NAME% where
    only the name of an app setting may be, or a value that people see.
    """
    for keys, names in ((("headers",), HEADERS), (("query",), PARAMETERS), (("auth", "extra"), PARAMETERS)):
        for name, value in _items(table, *keys):
            if name.lower() in names and not settings_in(value) and value != f"{{{FROM}}}":
                yield InvalidInput(".".join((where, *keys, name)), _NOT_HERE, _ALLOWED)
    for name, value in _items(table, "auth"):
        if name in SETTING_FIELDS and settings_in(value):  # else a filled-in credential would count as a name
            yield InvalidInput(f"{where}.auth.{name}", *_NO_NAME)
    for name, value in _items(table, MESSAGES):
        entries = value if isinstance(value, list) else [value]
        if any("%" in str(entry).rpartition("/")[0] for entry in entries):
            yield InvalidInput(f"{where}.{MESSAGES}.{name}", *_NO_NAME)
    for name, value in _items(table, "parameters"):
        if settings_in(value):
            problem = "people see parameters, but must not see app settings"
            yield InvalidInput(f"{where}.parameters.{name}", problem, "values without %NAME%")
    for keys in (("url",), ("auth", "token_url")):
        url = exactly_at(table, keys)
        if not isinstance(url, str):
            continue
        if _WITH_USER.match(url):
            yield InvalidInput(".".join((where, *keys)), _NOT_HERE, "a url without a user; see auth")
        for name, _, value in (pair.partition("=") for pair in url.partition("?")[2].split("&")):
            if unquote(name).lower() in PARAMETERS and value and not settings_in(value):
                yield InvalidInput(".".join((where, *keys)), f"{_NOT_HERE}: {unquote(name)}", _ALLOWED)


def _items(table: Any, *keys: str) -> Iterable[tuple[str, Any]]:
    inner = exactly_at(table, keys)
    return inner.items() if isinstance(inner, dict) else ()
