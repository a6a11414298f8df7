"""Replace the values that differ between two runs with the marks of the golden data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Each pattern leaves a mark alone, so the golden side may pass through as well.
_PATTERNS = (
    (re.compile(r"202\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"), "{time}"),
    (re.compile(r"(?<![0-9a-fA-F])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-fA-F])"), "{guid}"),
    (re.compile(r"(?<![0-9a-fA-F])[0-9a-f]{32}(?![0-9a-fA-F])"), "{id32}"),
    # In JSON inside of text: "StackTrace":"..."; the quote that ends it is escaped as often as the one that begins it.
    (re.compile(r'((\\*")[A-Za-z]*Stack[A-Za-z]*\2:\s?\2)(?:(?!(?<!\\)\2[,}]).)+'), r"\1{stack}"),
    (re.compile(r'(\\(\\*)nStack: )(?:(?!(?<!\\)\2"[,}]).)+'), r"\1{stack}"),
    # In plain text: to the end, but for a bracket that an outer error closes.
    (re.compile(r"((?:\nStack|, StackTrace): )[^{].*?(?=\)?$)", re.DOTALL), r"\1{stack}"),
    (re.compile(r"[?&]code=(?:\{systemkey\}|\{master\})"), ""),
)
_STACK_KEYS = re.compile(r"(?:Remote)?Stack(?:Trace)?(?:String)?")


@dataclass(frozen=True, slots=True)
class Marks:
    """The values of a run that have a mark, such as the origin, the keys and the app's folder."""

    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, url: str, app: Path, **keys: str) -> "Marks":
        """Return the marks of a host at `url` with this app; each key is replaced with the mark of its name."""
        named = {value: f"{{{name}}}" for name, value in keys.items()}
        return cls({url: "{origin}", url.removeprefix("http://"): "{host}", str(app.absolute()): "{app}"} | named)

    def level(self, value: Any) -> Any:
        """Return a JSON value with marks instead of the values that differ."""
        match value:
            case str():
                return self._level_text(value)
            case list():
                return [self.level(item) for item in value]
            case dict():
                return {self._level_text(key): self._level_item(key, item) for key, item in value.items()}
        return value

    def _level_item(self, key: str, value: Any) -> Any:
        if key == "processUptime":
            return "{uptime}"
        return "{stack}" if _STACK_KEYS.fullmatch(key) and isinstance(value, str) and value else self.level(value)

    def _level_text(self, text: str) -> str:
        for value, mark in self.values.items():
            text = text.replace(value, mark)
        for pattern, mark in _PATTERNS:
            text = pattern.sub(mark, text)
        return text

    def fill(self, text: str) -> str:
        """Return a text of the golden data with this run's values instead of the marks."""
        for value, mark in self.values.items():
            text = text.replace(mark, value)
        return text
