"""A source that is described wrongly is refused with its name, the key, and what may be there."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from ingestion.errors import InvalidInput
from ingestion.source.check import check, main
from ingestion.source.client import SourceClient
from ingestion.source.description import Source, load_source

ROOT = Path(__file__).parents[2]
SHOP = '[shop]\nurl = "http://shop.example/orders"\nitems = "data"\n'
NONE = 'pagination = { style = "none" }\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "sources.toml"
    file.write_text(text, encoding="utf-8")
    return file


def load(folder: Path, text: str, environment: dict[str, str] | None = None) -> Source:
    """Return the source shop: `text` is its table, or what is in it beside the url and the items."""
    if "[shop]" not in text:
        text = SHOP + ("" if "pagination =" in text else NONE) + text
    return load_source(written(folder, text), "shop", environment or {})


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (SHOP, "pagination", "required"),
        ('pagination = { style = "pages" }', "pagination.style", "'page_number'"),
        ("pagination = {}", "pagination.style", "discriminator 'style'"),
        ('pagination = { style = "cursor", raed = "x" }', "pagination.raed", "not permitted"),
        ("colour = 1", "colour", "not permitted"),
        ('pagination = { style = "cursor", send = "cookie:x" }', "pagination.send", "query:name"),
        ('pagination = { style = "cursor", send = "" }', "pagination.send", "query:name"),
        ('pagination = { style = "cursor", limit = 0 }', "pagination.limit", "greater than or equal to 1"),
        ('pagination = { style = "offset", end = { empty = "x" } }', "pagination.end.empty", "valid boolean"),
        ('pagination = { style = "offset", end = { statuses = [500] } }', "pagination.end.statuses.0", "499"),
        ('pagination = { style = "since", start = "today" }', "pagination.start", "'iso'"),
        ('pagination = { style = "window", stop = 0 }', "pagination.stop", "more than start, 0"),
        ('expiry = { then = "resume" }', "expiry.key", "key in an item"),
        ('expiry = { then = "resume", key = "id" }', "expiry.send", "where that goes"),
        ("expiry = { statuses = [200] }", "expiry.codes", "any other success"),
        ('auth = { kind = "api_key", key = "KEY" }', "auth.header", "either header or query"),
        ('auth = { kind = "api_key", key = "KEY", header = "X", prefix = "caf\u00e9" }', "auth.prefix", "pattern"),
        ('pagination = { style = "offset", limit = 9 }', "pagination.send_limit", "where the limit goes"),
        ('pagination = { style = "offset", send_limit = "n" }', "pagination.limit", "or neither"),
        ('pagination = { style = "range_header", limit = 0 }', "pagination.limit", "greater than or equal to 1"),
        ('pagination = { style = "offset", end = { total = true } }', "pagination.end.total", "with total"),
        ('pagination = { style = "offset", end = { exact_total = true } }', "pagination.end.exact_total", "with total"),
        ("body = { size = 9 }", "method", "'POST'"),
        ('pagination = { style = "cursor", send = "body:after" }', "method", "'POST'"),
        ('pagination = { style = "cursor", also = [{ read = "x", send = "body:x" }] }', "method", "'GET' if that is"),
        ('format = "csv"\npagination = { style = "cursor" }', "pagination.read", "header:NAME or item:PATH"),
        ('format = "ndjson"\ntotal = "count"', "total", "header:NAME"),
        ('[shop]\nurl = "http://shop.example"\n' + NONE, "items", '"" where the page is the list'),
        ("query = { since = 2024-01-31 }", "query.since", "valid string; or Input should be a valid boolean; or"),
        ("query = { page = { size = 9 } }", "query.page", "a valid number; or Input"),
        ("query = { ids = [[1]] }", "query.ids", "a valid number"),
        ('method = "POST"\nbody = { since = 2024-01-31 }', "body.since", "not a valid JSON value"),
        ('method = "POST"\nbody = { size = [inf] }', "body.size.0", "a finite number"),
        ('format = "csv"\ncsv = { delimiter = "::" }', "csv.delimiter", "should match pattern"),
        ('format = "csv"\ncsv = { encoding = "utf-7" }', "csv.encoding", "'windows-1252'"),
        ('csv = { delimiter = ";" }', "csv", "format = 'csv'"),
        ('auth = { kind = "magic" }', "auth.kind", "'bearer'"),
        ('hosts = ["cdn.example"]', "hosts.0", "https://"),
        ('hosts = ["https://cdn.example/files"]', "hosts.0", "no path"),
        ('[shop]\nurl = "shop.example"\nitems = ""\n' + NONE, "url", "https://"),
        ('[shop]\nurl = "https://[bad/x"\nitems = ""\n' + NONE, "url", "a host"),
        ('[shop]\nurl = "https://shop.example:abc/x"\nitems = ""\n' + NONE, "url", "a host"),
        ('[shop]\nurl = "https://shop.example:70000/x"\nitems = ""\n' + NONE, "url", "a host"),
        ('[shop]\nurl = "https://xn--/x"\nitems = ""\n' + NONE, "url", "a host"),
        ("throttle = { statuses = 429 }", "throttle.statuses", "valid tuple"),
        ('throttle = { body = { path = "e", values = [] } }', "throttle.body.values", "at least 1"),
        (
            'pagination = { style = "keyset", start = 1.5 }',
            "pagination.start",
            "valid string; or Input should be a valid",
        ),
        ('headers = { Authorization = "Bearer x" }', "headers.Authorization", "the table auth"),
        ('query = { api_key = "x" }', "query.api_key", "%NAME%"),
        ('[shop]\nurl = "http://me:pw@shop.example"\nitems = ""\n' + NONE, "url", "see auth"),
    ],
)
def test_a_wrong_description_names_source_and_key_and_what_is_allowed(
    text: str, key: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=re.escape(said)) as error:
        load(tmp_path, text, {"KEY": "k-123"})
    assert error.value.field == f"sources.toml: shop.{key}"


def test_a_source_that_is_no_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^sources\.toml: shop: .*dictionary"):
        load_source(written(tmp_path, "shop = 5"), "shop", {})


def test_app_settings_are_filled_in_and_one_that_is_not_set_is_named(tmp_path: Path) -> None:
    text = 'headers = { X-Api-Key = "%SHOP_KEY%" }'
    assert load(tmp_path, text, {"SHOP_KEY": "k"}).headers == {"X-Api-Key": "k"}
    with pytest.raises(InvalidInput, match=r"shop.headers.X-Api-Key: the app setting SHOP_KEY is not set"):
        load(tmp_path, text)


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
    assert load(tmp_path, f'query = {{ q = "{text}" }}', {"SHOP": "ours"}).query == {"q": meant}


def test_a_percent_sign_that_was_taken_for_an_app_setting_is_told_how_to_be_written(tmp_path: Path) -> None:
    file = written(tmp_path, SHOP + NONE + """query = { q = "LIKE '%Acme%'" }""")
    with pytest.raises(InvalidInput, match=r"shop.query.q: the app setting Acme is not set.*%% for a percent sign"):
        load_source(file, "shop", {})
    assert check(file, {})[0][1:] == [
        "(the app setting Acme is not set here)",
        "(%NAME% stands for an app setting; a percent sign is written %%)",
    ]


@pytest.mark.parametrize(
    "text",
    [
        'pagination = { style = "offset", limit = "%SHOP_KEY%" }',
        'pagination = { style = "%SHOP_KEY%" }',
        'pagination = { style = "since", start = "%SHOP_KEY%" }',
        'repeats = "%SHOP_KEY%"',
        'hosts = ["%SHOP_KEY%"]',
        'csv = { delimiter = "%SHOP_KEY%" }',
        'total = "%SHOP_KEY%:x"',
    ],
)
def test_no_error_shows_an_app_setting_that_was_filled_in(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        load(tmp_path, text, {"SHOP_KEY": "verysecret"})
    assert "verysecret" not in str(refused.value)


def test_the_check_tells_of_every_source_and_of_settings_that_are_not_set_here(tmp_path: Path) -> None:
    file = written(
        tmp_path, SHOP + NONE + SHOP.replace("shop", "other") + '[third]\nurl = "%WHERE%/x"\nitems=""\n' + NONE
    )
    lines, well = check(file, {})
    assert not well
    assert lines[0] == "shop: ok, none"
    assert lines[1].startswith("sources.toml: other.pagination: Field required")
    assert lines[2] == "third: ok, none"
    assert lines[3] == "(the app setting WHERE is not set here)"


def test_the_check_tells_all_that_is_wrong_with_a_source_and_unknown_keys_first(tmp_path: Path) -> None:
    text = SHOP + 'attempts = "x"\nquery = { token = "secret" }\n[shop.paginaton]\nstyle = "none"\n'
    lines, _ = check(written(tmp_path, text), {})
    assert [line.partition(";")[0] for line in lines] == [
        "sources.toml: shop.query.token: credentials do not belong in this file",
        "sources.toml: shop.paginaton: Extra inputs are not permitted",
        "sources.toml: shop.pagination: Field required",
        "sources.toml: shop.attempts: Input should be a valid integer, unable to parse string as an integer",
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

    assert "No such file" in said(tmp_path / "none.toml")
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
    with pytest.raises(InvalidInput, match=r"shop.auth.token: not a name.*without %") as refused:
        load(tmp_path, 'auth = { kind = "bearer", token = "%SHOP_TOKEN%" }', {"SHOP_TOKEN": "very secret"})
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
    assert load(tmp_path, 'method = "GET"\nbody = { size = 9 }').base_request().method == "GET"


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_lines_need_no_path_of_their_items(form: str, tmp_path: Path) -> None:
    assert load(tmp_path, f'[shop]\nurl = "http://shop.example"\nformat = "{form}"\n{NONE}').items == ()


def test_values_of_the_query_are_sent_as_the_file_has_them_and_a_list_repeats_its_parameter(tmp_path: Path) -> None:
    query = 'query = { archived = false, all = true, size = 9, least = 1.5, tag = ["a", 2, true], name = "x y" }'
    source = load(tmp_path, query)
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.query.decode())
        return httpx.Response(204)

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            await SourceClient(source, http).get(source.base_request())

    asyncio.run(ask())
    assert seen == ["archived=false&all=true&size=9&least=1.5&tag=a&tag=2&tag=true&name=x+y"]
