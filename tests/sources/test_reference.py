"""docs/sources.md and docs/incremental.md have every key, its default and its allowed words.

Their examples and those of docs/worked-sources.md are valid.
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
from ingestion.source.reading.place import Place

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "\n".join((DOCS / name).read_text(encoding="utf-8") for name in ("sources.md", "incremental.md"))
# Each has a table of its own on the page.
TABLES = ("end", "throttle", "limits", "expiry", "incremental", "parameters", "messages")
KINDS = {"pagination": "style", "auth": "kind"}  # so have these, whose rows begin with one of several kinds
IN_ITS_ROW = {"also"}  # a table so small that the row of its key describes it

Key = tuple[str, ...]  # the heading of a table of the page, the kind if there are several, and the name


def inner_types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from inner_types(inner)


def models(annotation: Any) -> list[type[BaseModel]]:
    return [each for each in inner_types(annotation) if isinstance(each, type) and issubclass(each, BaseModel)]


def words(annotation: Any) -> list[str]:
    """Return the literal values anywhere in a type."""
    return [word for each in inner_types(annotation) if get_origin(each) is Literal for word in get_args(each)]


def keys(model: type[BaseModel], start: Key, prefix: str = "") -> Iterator[tuple[Key, FieldInfo]]:
    """Every key below `model`, whose own keys are in the table of the page that begins like `start`."""
    for name, field in model.model_fields.items():
        if start[0] == name:
            continue
        yield (*start, f"`{prefix}{name}`"), field
        for inner in models(field.annotation):
            if name in KINDS:
                kind = KINDS[name]
                yield from keys(inner, (kind, f"`{words(inner.model_fields[kind].annotation)[0]}`"))
            elif name in TABLES:
                yield from keys(inner, (f"key of `{name}`",))
            elif name not in IN_ITS_ROW:
                yield from keys(inner, start, f"{name}.")


def described(first: str) -> Iterator[tuple[Key, list[str]]]:
    """The keys in the tables of the page whose first heading is `first`, each with the two cells after it."""
    tables = re.findall(rf"(?m)^\| {re.escape(first)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE)
    for row in "".join(tables).splitlines():
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        yield (first, *cells[:-2]), cells[-2:]


KEYS = dict(keys(Source, ("key",)))
ROWS = {key: cells for heading in {key[0] for key in KEYS} for key, cells in described(heading)}
SHARED = {key[2]: ROWS.pop(key) for key in list(ROWS) if key[1:2] == ("any",)}  # by every kind that has no such row
ROWS |= {key: SHARED[key[-1]] for key in KEYS if len(key) == 3 and key[-1] in SHARED and key not in ROWS}


def written(default: Any) -> str:
    """Return a default as the page writes it; empty if the page describes it in words."""
    match default:
        case bool():
            return str(default).lower()
        case int() | float():
            return f"{default:,.0f}"
        case str():
            return f"`{default}`" if default else ""
        case Place():
            return f"`{default}`"
        case (only,):
            return written(only) or '`""`'
        case _:
            return ""


def test_the_page_describes_every_key_and_no_other() -> None:
    assert ROWS.keys() == KEYS.keys()


def test_every_style_is_in_the_table_of_styles() -> None:
    assert {key[1] for key, _ in described("`style`")} == {key[1] for key in KEYS if key[0] == "style"}


@pytest.mark.parametrize("key", KEYS, ids=" ".join)
def test_the_row_of_a_key_has_its_default_and_the_words_it_may_be(key: Key) -> None:
    field, (default, meaning) = KEYS[key], ROWS[key]
    assert (default == "required") == field.is_required()
    if not field.is_required() and (expected := written(field.default)):
        assert default == expected
    assert [word for word in words(field.annotation) if f"`{word}`" not in f"{default} {meaning}"] == []
    if key[-1].strip("`") in IN_ITS_ROW:
        assert [name for inner in models(field.annotation) for name in inner.model_fields if name not in meaning] == []


@pytest.mark.parametrize("page", ["worked-sources.md", "incremental.md"])
def test_every_worked_source_passes_the_check(tmp_path: Path, page: str) -> None:
    file = tmp_path / "sources.toml"
    text = (DOCS / page).read_text(encoding="utf-8")
    file.write_text("\n".join(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)), encoding="utf-8")
    lines, well = check(file, {})
    assert well, lines
    assert len([line for line in lines if ": ok, " in line]) >= 5, "the page is still written in blocks of toml"
