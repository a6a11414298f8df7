"""docs/sources.md is the whole vocabulary: every key, with its default and the words that it may be.

docs/worked-sources.md uses it rightly.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ingestion.source.check import check
from ingestion.source.description import Source
from ingestion.source.reading.place import Read, Send

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "sources.md").read_text(encoding="utf-8")
KINDS = ("style", "kind")  # a model that has one of them is described in rows that begin with it
EVERY_KIND = ("limit", "send_limit", "end")  # keys of all styles are described once
IN_ITS_ROW = {"also"}  # a table so small that the row of its key describes it


def rows(first: str) -> list[list[str]]:
    """The rows of the tables whose first heading is `first`, as cells without their marks."""
    tables = re.findall(rf"(?m)^\| {re.escape(first)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE)
    assert tables, first
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for table in tables for row in table.splitlines()]


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def words(annotation: Any) -> set[str]:
    """The literal values anywhere in a type."""
    if get_origin(annotation) is Literal:
        return set(get_args(annotation))
    return {word for inner in get_args(annotation) for word in words(inner)}


def keys(model: type[BaseModel], heading: str, prefix: str = "") -> Iterator[tuple[str, str, str, FieldInfo]]:
    """Every key of every model that is below `model`: the heading of its table, its kind, its name, its field."""
    kind = next((get_args(model.model_fields[tag].annotation)[0] for tag in KINDS if tag in model.model_fields), "")
    for name, field in model.model_fields.items():
        if name in KINDS:
            continue
        yield heading, kind, prefix + name, field
        for inner in models(field.annotation):
            if name in ("pagination", "auth"):
                yield from keys(inner, "style" if name == "pagination" else "`kind`")
            elif name in ("end", "throttle", "limits", "expiry"):
                yield from keys(inner, f"key of `{name}`")
            elif name not in IN_ITS_ROW:
                yield from keys(inner, heading, f"{name}.")


KEYS = {(heading, kind, name): field for heading, kind, name, field in keys(Source, "key")}


def row_of(heading: str, kind: str, name: str) -> list[str]:
    """The cells after the key: its default, and what it means."""
    found = {tuple(row[:2] if kind else row[:1]): row for row in rows(heading)}
    if not kind:
        return found.get((f"`{name}`",), ["missing"])[1:]
    shared = ("any", f"`{name}`") if name in EVERY_KIND else ()
    return found.get((f"`{kind}`", f"`{name}`"), found.get(shared, ["missing"] * 2))[2:]


def written(default: Any) -> str:
    """A default as the page writes it; empty for one that it puts in words of its own."""
    match default:
        case bool():
            return str(default).lower()
        case int() | float():
            return f"{default:,.0f}"
        case str():
            return f"`{default}`" if default else ""
        case Read() | Send():
            return f"`{default}`"
        case (only,):
            return written(only) or '`""`'
        case _:
            return ""


@pytest.mark.parametrize(("heading", "kind", "name"), KEYS, ids=lambda part: part or "-")
def test_every_key_is_on_the_page_with_its_default_and_the_words_it_may_be(heading: str, kind: str, name: str) -> None:
    field = KEYS[heading, kind, name]
    cells = row_of(heading, kind, name)
    assert cells, "no row describes it"
    default, meaning = cells
    assert (default == "required") == field.is_required()
    if not field.is_required() and (expected := written(field.default)):
        assert default == expected
    assert [word for word in words(field.annotation) if f"`{word}`" not in f"{default} {meaning}"] == []
    if name in IN_ITS_ROW:
        assert [key for inner in models(field.annotation) for key in inner.model_fields if key not in meaning] == []


def test_the_page_describes_no_key_that_is_not_there() -> None:
    known = {(f"`{kind}`", f"`{name}`") if kind else (f"`{name}`",) for _, kind, name in KEYS}
    known |= {("any", f"`{name}`") for name in EVERY_KIND}
    for heading in {heading for heading, _, _ in KEYS}:
        width = 2 if heading in ("style", "`kind`") else 1
        assert [row for row in rows(heading) if tuple(row[:width]) not in known] == []


def test_every_style_and_every_kind_of_credentials_is_on_the_page() -> None:
    styles = {row[0] for row in rows("`style`")}
    assert styles == {
        f"`{word}`" for model in models(Source.model_fields["pagination"].annotation) for word in tag(model)
    }
    kinds = {row[0] for row in rows("`kind`")}
    assert kinds == {f"`{word}`" for model in models(Source.model_fields["auth"].annotation) for word in tag(model)}


def tag(model: type[BaseModel]) -> set[str]:
    return {word for name in KINDS if name in model.model_fields for word in words(model.model_fields[name].annotation)}


def test_every_worked_source_passes_the_check(tmp_path: Path) -> None:
    file = tmp_path / "sources.toml"
    text = (DOCS / "worked-sources.md").read_text(encoding="utf-8")
    file.write_text("\n".join(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)), encoding="utf-8")
    lines, well = check(file, {})
    assert well, lines
    assert len([line for line in lines if ": ok, " in line]) > 5, "the page is still written in blocks of toml"
