"""Route templates of whole segments: `runs`, `{id}`, `{id:int}`, `{id?}`, `{*rest}`, matched as the real host does."""

import re
from typing import NamedTuple

# `{{` and `}}` stand for single braces, in a regex constraint as well as in a literal.
_PARAMETER = re.compile(r"(?<!\{)\{((?:[^{}]|\{\{|\}\})+)\}(?!\})")
_SERVED = re.compile(r"\{(\**)([^{}:=?*]+)(:int)?(\?)?\}")
_CONSTRAINTS = (
    *("int", "long", "bool", "datetime", "decimal", "double", "float", "guid", "alpha", "required"),
    *("length", "minlength", "maxlength", "range", "min", "max", "regex"),
)


class Parameter(NamedTuple):
    """One `{name...}` of a template."""

    name: str
    is_int: bool
    is_optional: bool
    is_rest: bool


class Template:
    """One template. Raise ValueError if the router cannot read it; only the real host serves the segment `unserved`."""

    def __init__(self, text: str) -> None:
        inside = text.removeprefix("/").removesuffix("/")
        if fault := _find_fault(inside):
            raise ValueError(fault)
        self.unserved: str | None = None
        self.segments: list[str | Parameter] = []
        for segment in inside.split("/") if inside else ():
            if found := _SERVED.fullmatch(segment):
                stars, name, integer, mark = found.groups()
                self.segments.append(Parameter(name, bool(integer), bool(mark), bool(stars)))
            else:
                self.unserved = self.unserved or (segment if re.search("[{}]", segment) else None)
                self.segments.append(segment)
        self._parameters = [it for it in self.segments if isinstance(it, Parameter)]
        end = "" if any(it.is_rest for it in self._parameters) else "/?"
        self._pattern = re.compile("".join(map(_compile, self.segments)) + end, re.IGNORECASE | re.DOTALL)

    def match(self, path: str) -> dict[str, str] | None:
        """Return the route values of a matching decoded path, else None."""
        found = self._pattern.fullmatch(path)
        given = [(it, text) for it, text in zip(self._parameters, found.groups(), strict=True) if text] if found else []
        if found is None or any(it.is_int and not _is_int(text) for it, text in given):
            return None
        return {parameter.name: text for parameter, text in given}


def _find_fault(text: str) -> str | None:
    """Return why the real host does not start with this template; None if it does."""
    parameters = _PARAMETER.findall(text)
    literals = _PARAMETER.sub("~", text)
    if re.search("[{}?]", re.sub(r"\{\{|\}\}", "", literals)):
        return "it cannot be read"
    if "" in literals.split("/") and text:
        return "it has an empty segment"
    if "}{" in text.replace("{{", "").replace("}}", ""):
        return "two parameters follow each other without a literal between them"
    names = [re.split("[:=?]", it.lstrip("*"))[0].lower() for it in parameters]
    if len(set(names)) < len(names):
        return "it has one parameter twice"
    if any(it.startswith("*") for it in parameters[:-1]) or ("{*" in text and not text.endswith("}")):
        return "{*rest} must be its last segment"
    plain = [re.sub(r"\(.*\)", "", it).partition("=")[0].rstrip("?") for it in parameters]
    unknown = [name for it in plain for name in it.split(":")[1:] if name.strip().lower() not in _CONSTRAINTS]
    return f"there is no constraint {unknown[0]!r}" if unknown else None


def _compile(segment: str | Parameter) -> str:
    match segment:
        case Parameter(is_rest=True):
            return "(?:/(?:([^/].*))?)?"
        case Parameter(is_optional=True):
            return "(?:/([^/]+))?"
        case Parameter():
            return "/([^/]+)"
    return "/" + re.escape(segment)


def _is_int(text: str) -> bool:
    # At most 1,000 digits: Python refuses to convert several thousand.
    return re.fullmatch(r"\s*[+-]?[0-9]{1,1000}\s*", text) is not None and -(2**31) <= int(text) < 2**31
