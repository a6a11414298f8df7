"""Replace `{from}`, `{to}` and the names of parameters in a description with the values of a run.

These names may be in `url`, `headers`, `query`, `body` and `pagination.start`. Anything else in braces is text, such as
a GraphQL query.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote

from pydantic import AfterValidator, Field, ValidationError, model_validator

from ingestion.errors import InvalidInput
from ingestion.reads import Reads
from ingestion.source.description import forms
from ingestion.source.description.incremental import Incremental
from ingestion.source.reading.path import ABSENT, exactly_at
from ingestion.validation import Table, not_allowed

FROM, TO = "from", "to"
PLACES = (("url",), ("headers",), ("query",), ("body",), ("pagination", "start"))
LONGEST = 200  # characters of a parameter
SECRET_NAMES = re.compile("key|token|secret|password|passwd|signature|credential|auth", re.IGNORECASE)
_NAME = re.compile("[a-z][a-z0-9_]{0,39}")
_IN_BRACES = re.compile(rf"\{{({_NAME.pattern})\}}")
_BEFORE_PATH = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)

Value = str | int


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise not_allowed(f"not a regular expression ({error})", "a pattern that the whole value matches") from None
    return text


class Parameter(Table):
    """A value that the caller who starts a run gives."""

    allowed: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    pattern: Annotated[str, AfterValidator(_pattern)] | None = None  # the whole value must match it
    default: str | None = None  # if the caller gives none
    quotes: Literal["as they are", "doubled", "escaped"] = "as they are"  # for values between single quotes

    @model_validator(mode="after")
    def _says_what_is_allowed(self) -> Self:
        if (self.allowed is None) == (self.pattern is None):
            raise not_allowed("what is allowed is not clear", "either allowed, a list of values, or pattern")
        if self.default is not None and not self.takes(self.default):
            raise not_allowed("the parameter does not allow this value", self.what, "default")
        return self

    def takes(self, value: str) -> bool:
        """Return whether the value is allowed."""
        if (
            not value.strip(".") or len(value) > LONGEST or not value.isprintable()
        ):  # dots would climb the path of a URL
            return False
        return value in self.allowed if self.allowed is not None else bool(re.fullmatch(self.pattern or "", value))

    @property
    def what(self) -> str:
        """Return what is allowed, for people."""
        return ", ".join(self.allowed) if self.allowed is not None else f"a value that matches {self.pattern}"

    @property
    def sample(self) -> str:
        """Return a value to check the description with."""
        return self.default or (self.allowed[0] if self.allowed else "x")

    def quoted(self, value: str) -> str:
        """Return the value in the form for texts between single quotes."""
        match self.quotes:
            case "doubled":
                return value.replace("'", "''")
            case "escaped":
                return re.sub(r"(['\"\\])", r"\\\1", value)
        return value


class Values:
    """The values of one run, or of one window of its range, by name; None for a name without a value."""

    def __init__(self, by_name: Mapping[str, Value | None]) -> None:
        self._by_name = by_name
        self._name = re.compile(rf"\{{({'|'.join(map(re.escape, by_name))})\}}") if by_name else None

    def has_none(self, text: Any) -> bool:
        """Return whether `text` is only a name in braces, and that name has no value; its key is then left out."""
        name = self._whole(text)
        return name is not None and self._by_name[name] is None

    def alone(self, text: str) -> Value | None:
        """Return the value of the name if `text` is only a name in braces; else None."""
        name = self._whole(text)
        return None if name is None else self._by_name[name]

    def into(self, text: str, *, is_url: bool = False) -> str:
        """Return `text` with the values filled in."""

        def value(found: re.Match[str]) -> str:
            given = str(self._by_name[found[1]])
            return quote(given, safe="") if is_url else given

        return text if self._name is None else self._name.sub(value, text)

    def _whole(self, text: Any) -> str | None:
        found = self._name.fullmatch(text) if self._name and isinstance(text, str) else None
        return found[1] if found else None


NO_VALUES = Values({})


def values_of(
    incremental: Incremental | None, parameters: Mapping[str, Parameter], reads: Reads | None, window: int = 0
) -> Values:
    """Return the values of one window of a run; sample values if `reads` is None."""
    found: dict[str, Value | None] = {}
    if incremental is not None:
        since, until = incremental.in_window(reads, window) if reads else _sample(incremental)
        found = {FROM: _sent(incremental, since), TO: _sent(incremental, until)}
    for name, parameter in parameters.items():
        given = reads.parameters.get(name, parameter.default) if reads else parameter.sample
        found[name] = None if given is None else parameter.quoted(given)
    return Values(found)


def _sample(incremental: Incremental) -> tuple[str, str | None]:
    if not incremental.orders:
        return "token", None
    since = incremental.text(incremental.first)
    return since, since if incremental.has_until else None


def _sent(incremental: Incremental, text: str | None) -> Value | None:
    if text is None or not incremental.orders:
        return text
    return forms.write(incremental.mark(text), incremental.form)


def read_declared(table: Any) -> tuple[Incremental | None, dict[str, Parameter]]:
    """Return the tables `incremental` and `parameters` of a source; leave out wrong ones.

    The validation of the whole source reports their mistakes.
    """
    incremental, parameters = None, {}
    with suppress(ValidationError):
        given = exactly_at(table, ("incremental",))
        incremental = None if given is ABSENT else Incremental.model_validate(given)
    for name, each in _parameters(table).items():
        with suppress(ValidationError):
            parameters[name] = Parameter.model_validate(each)
    return incremental, parameters


def misused(
    table: Any, url: Any, where: str, incremental: Incremental | None, parameters: Mapping[str, Parameter]
) -> Iterator[InvalidInput]:
    """Yield an error for each name in braces that is in a wrong place, and for each value that nothing sends.

    `url` is the url of the table, with app settings filled in.
    """
    for name in _parameters(table):
        field = f"{where}.parameters.{name}"
        if not _NAME.fullmatch(name) or name in (FROM, TO):
            allowed = "lower-case letters, digits and _, at most 40 characters, and neither from nor to"
            yield InvalidInput(field, "not a name of a parameter", allowed)
        elif SECRET_NAMES.search(name):
            yield InvalidInput(field, "people see parameters, but must not see secrets", "auth, or %NAME%")
        elif not sends(table, name):
            yield InvalidInput(field, f"nothing sends {{{name}}}", _ALLOWED)
    if incremental is not None:
        yield from _misused_range(table, where, incremental)
    host = _BEFORE_PATH.match(url if isinstance(url, str) else "")
    if host and any(f"{{{name}}}" in host[0] for name in (FROM, TO, *parameters)):
        yield InvalidInput(f"{where}.url", "a name in braces in the host", "names in braces after the host")


_ALLOWED = "its name in braces in url, headers, query, body or pagination.start"


def _misused_range(table: Any, where: str, incremental: Incremental) -> Iterator[InvalidInput]:
    field = f"{where}.incremental"
    if not sends(table, FROM):
        yield InvalidInput(field, "nothing sends {from}", _ALLOWED)
    if sends(table, TO):
        if not incremental.has_until:
            yield InvalidInput(field, "{to} has no value", "{to} only with carry = 'value' or 'clock' and times")
    elif incremental.window is not None:
        yield InvalidInput(f"{field}.window", "nothing sends {to}", _ALLOWED)
    elif incremental.lag and incremental.key is None:
        yield InvalidInput(f"{field}.lag", "no way to know which items are too new", "{to} in the request, or key")
    for keys, text in _texts(table):
        if not incremental.orders and "{from}" in text and (text != "{from}" or keys == ("url",)):
            problem = "{from} has other text around it, and the first run has no token"
            yield InvalidInput(".".join((where, *keys)), problem, "{from} alone; the first run leaves the key out")


def _parameters(table: Any) -> dict[str, Any]:
    found = exactly_at(table, ("parameters",))
    return found if isinstance(found, dict) else {}


def sends(table: Any, name: str) -> bool:
    """Return whether a text of a source's table that may have values has this name in braces."""
    return any(f"{{{name}}}" in text for _, text in _texts(table))


def undeclared(table: Any) -> Iterator[tuple[str, str]]:
    """Yield each undeclared name in braces, which is sent unchanged, and the key of its text.

    Ignore the body: GraphQL has names in braces.
    """
    declared = {*_parameters(table), *((FROM, TO) if "incremental" in table else ())}
    for keys, text in _texts(table):
        if keys[0] != "body":
            yield from ((name, ".".join(keys)) for name in _IN_BRACES.findall(text) if name not in declared)


def _texts(table: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each text of a source's table that may have values, with the keys that lead to it."""
    inner = [(place, exactly_at(table, place)) for place in PLACES]
    while inner:
        keys, value = inner.pop()
        if isinstance(value, str):
            yield keys, value
        elif isinstance(value, dict):
            inner += [((*keys, name), each) for name, each in value.items()]
        elif isinstance(value, list):
            inner += [((*keys, str(index)), each) for index, each in enumerate(value)]
