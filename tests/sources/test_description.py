"""A source that is described wrongly is refused with its name, the key, and what may be there."""

import asyncio
from pathlib import Path

import httpx
import pytest

from ingestion.errors import InvalidInput
from ingestion.source.check import check, main
from ingestion.source.client import SourceClient
from ingestion.source.description import load_source

ROOT = Path(__file__).parents[2]
SHOP = '[shop]\nurl = "http://shop.example/orders"\nitems = "data"\n'
NONE = 'pagination = { style = "none" }\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "sources.toml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        (SHOP, "shop.pagination", "a value"),
        (SHOP + 'pagination = { style = "pages" }', "shop.pagination.style", "'page_number'"),
        (SHOP + "pagination = {}", "shop.pagination.style", "'next_url'"),
        (
            SHOP + 'pagination = { style = "cursor", raed = "x" }',
            "shop.pagination.raed",
            "also, end, limit, read, send",
        ),
        (SHOP + NONE + "colour = 1", "shop.colour", "auth, body, csv, error, expiry"),
        (SHOP + 'pagination = { style = "cursor", send = "cookie:x" }', "shop.pagination.send", "query:name"),
        (SHOP + 'pagination = { style = "cursor", limit = 0 }', "shop.pagination.limit", "at least 1"),
        (
            SHOP + 'pagination = { style = "offset", end = { empty = "x" } }',
            "shop.pagination.end.empty",
            "true or false",
        ),
        (
            SHOP + 'pagination = { style = "offset", end = { statuses = [500] } }',
            "shop.pagination.end.statuses.0",
            "499",
        ),
        (SHOP + 'pagination = { style = "since", start = "today" }', "shop.pagination.start", "'iso'"),
        (SHOP + 'pagination = { style = "window", stop = 0 }', "shop.pagination.stop", "more than start, 0"),
        (SHOP + NONE + 'expiry = { then = "resume" }', "shop.expiry.key", "key in an item"),
        (SHOP + NONE + 'expiry = { then = "resume", key = "id" }', "shop.expiry.send", "where that goes"),
        (SHOP + NONE + "expiry = { statuses = [200] }", "shop.expiry.codes", "any other success"),
        (SHOP + NONE + 'auth = { kind = "api_key", key = "KEY" }', "shop.auth.header", "either header or query"),
        (SHOP + 'pagination = { style = "offset", limit = 9 }', "shop.pagination.send_limit", "where the limit goes"),
        (SHOP + 'pagination = { style = "offset", send_limit = "n" }', "shop.pagination.limit", "or neither"),
        (
            SHOP + 'pagination = { style = "range_header", send_limit = "n" }',
            "shop.pagination.send_limit",
            "limit alone",
        ),
        (SHOP + 'pagination = { style = "range_header", limit = 0 }', "shop.pagination.limit", "at least 1"),
        (SHOP + 'pagination = { style = "offset", end = { total = true } }', "shop.pagination.end.total", "with total"),
        (
            SHOP + 'pagination = { style = "offset", end = { exact_total = true } }',
            "shop.pagination.end.exact_total",
            "with total",
        ),
        (SHOP + NONE + "body = { size = 9 }", "shop.method", "'POST'"),
        (SHOP + 'pagination = { style = "cursor", send = "body:after" }', "shop.method", "'POST'"),
        (
            SHOP + 'pagination = { style = "cursor", also = [{ read = "x", send = "body:x" }] }',
            "shop.method",
            "'GET' if that is meant",
        ),
        (SHOP + 'pagination = { style = "relay", connection = "data.x" }', "shop.body", "'relay'"),
        (
            SHOP + 'format = "csv"\npagination = { style = "cursor" }',
            "shop.pagination.read",
            "header:NAME or item:PATH",
        ),
        (SHOP + NONE + 'format = "ndjson"\ntotal = "count"', "shop.total", "header:NAME"),
        ('[shop]\nurl = "http://shop.example"\n' + NONE, "shop.items", '"" where the page is the list'),
        (SHOP + NONE + "query = { since = 2024-01-31 }", "shop.query.since", "true or false, or a list of these"),
        (SHOP + NONE + "query = { page = { size = 9 } }", "shop.query.page", "a number"),
        (SHOP + NONE + "query = { ids = [[1]] }", "shop.query.ids", "a number"),
        (SHOP + NONE + 'method = "POST"\nbody = { since = 2024-01-31 }', "shop.body", "a date in quotes"),
        (SHOP + NONE + 'format = "csv"\ncsv = { delimiter = "::" }', "shop.csv.delimiter", r'";" or "\t"'),
        (SHOP + NONE + 'format = "csv"\ncsv = { encoding = "utf-7" }', "shop.csv.encoding", "'windows-1252'"),
        (SHOP + NONE + 'csv = { delimiter = ";" }', "shop.csv", "format = 'csv'"),
        (SHOP + 'pagination = { style = "next_url", read = "@odata.nextLink" }', "shop.pagination.read", '["@odata.'),
        (SHOP + NONE + 'total = "meta.@odata.count"', "shop.total", '["@odata.count"]'),
        (SHOP + NONE + 'message = "@odata.id"', "shop.message", '["@odata.id"]'),
        (SHOP + NONE + 'auth = { kind = "magic" }', "shop.auth.kind", "'bearer'"),
        (SHOP + NONE + 'hosts = ["cdn.example"]', "shop.hosts.0", "https://"),
        (SHOP + NONE + 'hosts = ["https://cdn.example/files"]', "shop.hosts.0", "no path"),
        ('[shop]\nurl = "shop.example"\nitems = ""\n' + NONE, "shop.url", "https://"),
        ('[shop]\nurl = "https://[bad/x"\nitems = ""\n' + NONE, "shop.url", "a host"),
        ('[shop]\nurl = "https://shop.example:abc/x"\nitems = ""\n' + NONE, "shop.url", "a host"),
        ('[shop]\nurl = "https://shop.example:70000/x"\nitems = ""\n' + NONE, "shop.url", "a host"),
        ('[shop]\nurl = "https://xn--/x"\nitems = ""\n' + NONE, "shop.url", "a host"),
        (SHOP + NONE + "throttle = { statuses = 429 }", "shop.throttle.statuses", "[429]"),
        (SHOP + NONE + 'throttle = { body = { path = "e", values = [] } }', "shop.throttle.body.values", "at least 1"),
        (SHOP + 'pagination = { style = "keyset", start = 1.5 }', "shop.pagination.start", "text or a whole number"),
        (SHOP + NONE + 'headers = { Authorization = "Bearer x" }', "shop.headers.Authorization", "the table auth"),
        (SHOP + NONE + 'query = { api_key = "x" }', "shop.query.api_key", "%NAME%"),
        ('[shop]\nurl = "http://me:pw@shop.example"\nitems = ""\n' + NONE, "shop.url", "see auth"),
        ("shop = 5", "shop", "a table"),
    ],
)
def test_a_wrong_description_names_source_and_key_and_what_is_allowed(
    text: str, key: str, allowed: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput) as error:
        load_source(written(tmp_path, text), "shop", {})
    assert error.value.field == f"sources.toml: {key}"
    assert allowed in error.value.allowed


def test_app_settings_are_filled_in_and_one_that_is_not_set_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, SHOP + NONE + 'headers = { X-Api-Key = "%SHOP_KEY%" }')
    assert load_source(file, "shop", {"SHOP_KEY": "k"}).headers == {"X-Api-Key": "k"}
    with pytest.raises(InvalidInput, match=r"shop.headers.X-Api-Key: the app setting SHOP_KEY is not set"):
        load_source(file, "shop", {})


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("LIKE '%%Acme%%'", "LIKE '%Acme%'"),
        ("caf%%C3%%A9", "caf%C3%A9"),
        ("%%%SHOP%%%", "%ours%"),
        ("page%5Bsize%5D=100%", "page%5Bsize%5D=100%"),
        ("%%SHOP%%", "%SHOP%"),
    ],
)
def test_a_percent_sign_is_written_twice_where_it_could_begin_the_name_of_an_app_setting(
    text: str, meant: str, tmp_path: Path
) -> None:
    file = written(tmp_path, SHOP + NONE + f'query = {{ q = "{text}" }}')
    assert load_source(file, "shop", {"SHOP": "ours"}).query == {"q": meant}


def test_a_percent_sign_that_was_taken_for_an_app_setting_is_told_how_to_be_written(tmp_path: Path) -> None:
    file = written(tmp_path, SHOP + NONE + """query = { q = "LIKE '%Acme%'" }""")
    with pytest.raises(InvalidInput, match=r"shop.query.q: the app setting Acme is not set.*%% for a percent sign"):
        load_source(file, "shop", {})
    assert check(file, {})[0][1:] == [
        "(the app setting Acme is not set here)",
        "(%NAME% stands for an app setting; a percent sign is written %%)",
    ]


def test_a_finding_shows_what_the_file_says_and_not_the_app_setting_that_was_filled_in(tmp_path: Path) -> None:
    file = written(tmp_path, SHOP + 'pagination = { style = "offset", limit = "%SHOP_KEY%" }')
    with pytest.raises(InvalidInput, match="'%SHOP_KEY%' is not a whole number"):
        load_source(file, "shop", {"SHOP_KEY": "very secret"})


def test_the_check_tells_of_every_source_and_of_settings_that_are_not_set_here(tmp_path: Path) -> None:
    file = written(
        tmp_path, SHOP + NONE + SHOP.replace("shop", "other") + '[third]\nurl = "%WHERE%/x"\nitems=""\n' + NONE
    )
    lines, well = check(file, {})
    assert not well
    assert lines[0] == "shop: ok, none"
    assert lines[1].startswith("sources.toml: other.pagination: missing")
    assert lines[2] == "third: ok, none"
    assert lines[3] == "(the app setting WHERE is not set here)"


def test_the_check_tells_all_that_is_wrong_with_a_source_and_unknown_keys_first(tmp_path: Path) -> None:
    text = SHOP + 'attempts = "x"\nquery = { token = "secret" }\n[shop.paginaton]\nstyle = "none"\n'
    lines, _ = check(written(tmp_path, text), {})
    assert [line.partition(";")[0] for line in lines] == [
        "sources.toml: shop.query.token: credentials do not belong in this file",
        "sources.toml: shop.paginaton: unknown key",
        "sources.toml: shop.pagination: missing",
        "sources.toml: shop.attempts: 'x' is not a whole number",
    ]


@pytest.mark.parametrize(
    "text",
    [
        SHOP.replace("shop.example", "%SHOP%.example") + NONE + 'hosts = ["https://%CDN%.example", "%OTHER%"]',
        SHOP + 'pagination = { style = "since", start = "%FROM%" }',
        SHOP + 'pagination = { style = "offset", limit = "%SIZE%", send_limit = "limit" }',
        SHOP + NONE + 'repeats = "%REPEATS%"',
        SHOP + 'pagination = { style = "%STYLE%" }',
    ],
)
def test_the_check_passes_what_may_be_right_where_the_app_settings_are(text: str, tmp_path: Path) -> None:
    lines, well = check(written(tmp_path, text), {})
    assert well, lines
    assert lines[0].startswith("shop: ok")
    assert check(written(tmp_path, text + "\ncolour = 1"), {})[1] is False


def test_what_is_no_file_of_sources_is_told_in_words(tmp_path: Path) -> None:
    def said(file: Path) -> str:
        lines, well = check(file, {})
        assert not well
        assert len(lines) == 1
        return lines[0]

    assert "there is no file" in said(tmp_path / "none.toml")
    assert "cannot be read" in said(tmp_path)
    assert "not TOML" in said(written(tmp_path, "[shop"))
    assert "describes no source" in said(written(tmp_path, ""))
    file = tmp_path / "latin.toml"
    file.write_bytes(b'[shop]\nurl = "http://caf\xe9.example"')
    assert "line 2 is not UTF-8" in said(file)


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert check(written(tmp_path, "\ufeff" + SHOP + NONE), {})[1]


def test_the_sources_that_come_with_the_app_are_well_described(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["check", str(ROOT / "sources.toml")])
    assert main() == 0
    assert "demo: ok, cursor" in capsys.readouterr().out


def test_credentials_are_given_by_the_name_of_an_app_setting_and_never_filled_in(tmp_path: Path) -> None:
    file = written(tmp_path, SHOP + NONE + 'auth = { kind = "bearer", token = "%SHOP_TOKEN%" }')
    with pytest.raises(InvalidInput, match=r"shop.auth.token: not a name.*without %") as refused:
        load_source(file, "shop", {"SHOP_TOKEN": "very secret"})
    assert "very secret" not in str(refused.value)


def test_a_check_tells_which_credentials_are_not_set_here(tmp_path: Path) -> None:
    file = written(tmp_path, SHOP + NONE + 'auth = { kind = "bearer", token = "SHOP_TOKEN" }')
    assert check(file, {}) == (["shop: ok, none", "(the app setting SHOP_TOKEN is not set here)"], True)


@pytest.mark.parametrize("secret", ['"sk-live-4711"', '"4711"', "4711", '["sk-live-4711"]'])
def test_a_secret_where_the_name_of_an_app_setting_belongs_is_not_repeated(secret: str, tmp_path: Path) -> None:
    file = written(tmp_path, SHOP + NONE + f'auth = {{ kind = "bearer", token = {secret} }}')
    with pytest.raises(InvalidInput, match=r"shop.auth.token: not a name.*such as SHOP_TOKEN") as refused:
        load_source(file, "shop", {})
    assert "4711" not in str(refused.value)
    assert "4711" not in "".join(check(file, {})[0])


def test_a_body_may_go_with_a_get_where_that_is_said(tmp_path: Path) -> None:
    file = written(tmp_path, SHOP + NONE + 'method = "GET"\nbody = { size = 9 }')
    assert load_source(file, "shop", {}).base_request().method == "GET"


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_lines_need_no_path_of_their_items(form: str, tmp_path: Path) -> None:
    file = written(tmp_path, f'[shop]\nurl = "http://shop.example"\nformat = "{form}"\n{NONE}')
    assert load_source(file, "shop", {}).items == ()


def test_values_of_the_query_are_sent_as_the_file_has_them_and_a_list_repeats_its_parameter(tmp_path: Path) -> None:
    query = 'query = { archived = false, all = true, size = 9, least = 1.5, tag = ["a", 2, true], name = "x y" }'
    asked = load_source(written(tmp_path, SHOP + NONE + query), "shop", {}).base_request()

    async def sent() -> str:
        seen = []

        def answer(request: httpx.Request) -> httpx.Response:
            seen.append(request.url.query.decode())
            return httpx.Response(204)

        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            await SourceClient(load_source(tmp_path / "sources.toml", "shop", {}), http).get(asked)
        return seen[0]

    assert asyncio.run(sent()) == "archived=false&all=true&size=9&least=1.5&tag=a&tag=2&tag=true&name=x+y"
