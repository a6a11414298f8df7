"""Rows of the comparison: a value of the real host, and devhost's value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DATA, APPS = HERE / "data", HERE / "apps"
ABSENT = "(absent)"
# Headers that a client may act on; content types are compared without blanks and case.
HEADERS = ("Location", "Retry-After", "WWW-Authenticate", "Content-Type")


@dataclass(frozen=True, slots=True)
class Row:
    """A value of both hosts in a case; `what` is `status`, a header, or a path into the body."""

    case: str
    what: str
    real: Any
    here: Any

    @property
    def agrees(self) -> bool:
        """Return whether both values are equal."""
        return type(self.real) is type(self.here) and bool(self.real == self.here)


def compare(case: str, what: str, real: Any, here: Any) -> list[Row]:
    """Return one row if two JSON values are equal, else one for each different place."""
    return [Row(case, path, *both) for path, *both in _differences(what, real, here)] or [Row(case, what, real, here)]


def compare_answers(case: str, real: Mapping[str, Any], here: Mapping[str, Any]) -> list[Row]:
    """Compare status, headers and body of two HTTP answers; if the status differs, the body is a single row."""
    rows = [Row(case, "status", real["status"], here["status"])]
    if not rows[0].agrees:
        return [*rows, Row(case, "body", real["body"], here["body"])]
    for name in HEADERS:
        values = [_header(answer["headers"], name) for answer in (real, here)]
        if values != [ABSENT, ABSENT]:
            rows.append(Row(case, name, *values))
    return rows + compare(case, "body", real["body"], here["body"])


def _header(headers: Mapping[str, str], name: str) -> str:
    value = next((text for key, text in headers.items() if key.lower() == name.lower()), ABSENT)
    return value.replace(" ", "").lower() if name == "Content-Type" else value


def _differences(path: str, real: Any, here: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(real, dict) and isinstance(here, dict):
        for key in [*real, *(key for key in here if key not in real)]:
            yield from _differences(f"{path}.{key}", real.get(key, ABSENT), here.get(key, ABSENT))
    elif isinstance(real, list) and isinstance(here, list):
        if len(real) != len(here):
            yield f"{path}.length", len(real), len(here)
        for index, both in enumerate(zip(real, here, strict=False)):
            yield from _differences(f"{path}[{index}]", *both)
    elif real != here or type(real) is not type(here):
        yield path, real, here
