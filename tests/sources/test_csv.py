"""CSV as sources write it: other delimiters, other encodings."""

from typing import Any

import pytest
from aiohttp import web

from ingestion.errors import SourceRefused
from tests.sources.one_page import app_of
from tests.sources.reader import read


def names(body: bytes, **csv: str) -> list[Any]:
    async def export(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="text/csv")

    table = {"format": "csv", "items": "", "message": "name", "pagination": {"style": "none"}, "csv": csv}
    return read(app_of(export), "/", table)[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_fields_are_parted_by_the_delimiter_that_is_declared_and_by_no_other(delimiter: str) -> None:
    others = "".join({",", ";", "\t", "|"} - {delimiter})
    body = f'id{delimiter}name\n1{delimiter}"a{delimiter}b"\n2{delimiter}x{others}y\n'
    assert names(body.encode(), delimiter=delimiter) == [f"a{delimiter}b", f"x{others}y"]


@pytest.mark.parametrize(("encoding", "name"), [("utf-8", "café €"), ("latin-1", "café"), ("windows-1252", "café €")])
def test_text_is_read_in_the_encoding_that_is_declared(encoding: str, name: str) -> None:
    assert names(f"id,name\n1,{name}\n".encode(encoding), encoding=encoding) == [name]


def test_text_in_another_encoding_is_refused_at_once_with_the_key_to_set() -> None:
    with pytest.raises(SourceRefused, match=r"not utf-8 .*set csv\.encoding"):
        names("id,name\n1,café\n".encode("latin-1"))
