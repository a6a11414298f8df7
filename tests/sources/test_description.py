"""A wrong description is refused; the error names the source, the key and the allowed values."""

import asyncio
import json
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ingestion.errors import InvalidInput
from ingestion.source.check import check, local_settings, main
from ingestion.source.client import SourceClient
from ingestion.source.description import Source, load_source
from local.demo.stack import DEMO_SOURCES
from local.devhost.errors import DevhostError
from local.devhost.settings import read_local_values
from tests.sources.fake_api import FakeApi, served

ROOT = Path(__file__).parents[2]
SHOP = '[shop]\nurl = "http://shop.example/orders"\nitems = "data"\n'
NONE = 'pagination = { style = "none" }\n'
OAUTH = 'kind = "client_credentials", client_id = "KEY", client_secret = "KEY"'
BEARER = 'auth = { kind = "bearer", token = "SHOP_TOKEN" }'


def written(content: str | bytes, folder: Path) -> Path:
    file = folder / "sources.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def whole(text: str) -> str:
    """Write the file; a text without a table is the rest of the table of shop."""
    return text if "[" in text.partition("=")[0] else SHOP + ("" if "pagination =" in text else NONE) + text


def load(text: str, environment: dict[str, str] | None = None) -> Source:
    """Return the source shop."""
    with TemporaryDirectory() as folder:
        return load_source(written(whole(text), Path(folder)), "shop", environment or {})


def checked(text: str | bytes, environment: dict[str, str] | None = None) -> tuple[list[str], bool]:
    with TemporaryDirectory() as folder:
        return check(written(text if isinstance(text, bytes) else whole(text), Path(folder)), environment or {})


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (SHOP, "pagination", "required"),
        ('pagination = { style = "pages" }', "pagination.style", "'page_number'"),
        ("pagination = {}", "pagination.style", "discriminator 'style'"),
        ('pagination = { style = "cursor", raed = "x" }', "pagination.raed", "allowed: also, end, limit, read"),
        ("colour = 1", "colour", "no such key"),
        ('pagination = { style = "cursor", send = "cookie:x" }', "pagination.send", "query:name"),
        ('pagination = { style = "cursor", send = "" }', "pagination.send", "query:name"),
        ('pagination = { style = "cursor", limit = 0 }', "pagination.limit", "greater than or equal to 1"),
        ('pagination = { style = "offset", end = { empty = "x" } }', "pagination.end.empty", "valid boolean"),
        ('pagination = { style = "offset", end = { statuses = [500] } }', "pagination.end.statuses.0", "499"),
        ('pagination = { style = "since", start = "today" }', "pagination.start", "'iso'"),
        ('pagination = { style = "window", stop = 0 }', "pagination.stop", "more than start, 0"),
        ('expiry = { then = "resume" }', "expiry.key", "both key"),
        ('expiry = { then = "resume", key = "id" }', "expiry.send", "send (its place)"),
        ("expiry = { statuses = [200] }", "expiry.codes", "expired cursor has"),
        ('auth = { kind = "api_key", key = "KEY" }', "auth.header", "either header or query"),
        ('auth = { kind = "api_key", key = "KEY", header = "X", prefix = "caf\u00e9" }', "auth.prefix", "pattern"),
        ('pagination = { style = "offset", limit = 9 }', "pagination.send_limit", "send_limit (its place"),
        ('pagination = { style = "offset", send_limit = "n" }', "pagination.limit", "or neither"),
        ('pagination = { style = "range_header", limit = 0 }', "pagination.limit", "greater than or equal to 1"),
        ('pagination = { style = "offset", end = { total = true } }', "pagination.end.total", "with total"),
        ('pagination = { style = "offset", end = { exact_total = true } }', "pagination.end.exact_total", "with total"),
        ("body = { size = 9 }", "method", "'POST'"),
        ('pagination = { style = "cursor", send = "body:after" }', "method", "'POST'"),
        ('pagination = { style = "cursor", also = [{ read = "x", send = "body:x" }] }', "method", "or 'GET'"),
        ('format = "csv"\npagination = { style = "cursor" }', "pagination.read", "header:NAME or item:PATH"),
        ('format = "ndjson"\ntotal = "count"', "total", "header:NAME"),
        (
            'format = "csv"\nquery = { after = "{from}" }\nincremental = { carry = "token", read = "delta" }',
            "incremental.read",
            "header:NAME",
        ),
        ('[shop]\nurl = "http://shop.example"\n' + NONE, "items", '"" if the page itself is the list'),
        ("query = { since = 2024-01-31 }", "query.since", "valid string; or Input should be a valid boolean; or"),
        ("query = { page = { size = 9 } }", "query.page", "a valid number; or Input"),
        ("query = { ids = [[1]] }", "query.ids", "a valid number"),
        ('method = "POST"\nbody = { since = 2024-01-31 }', "body.since", "not a valid JSON value"),
        ('method = "POST"\nbody = { size = [inf] }', "body.size.0", "a finite number"),
        ('format = "csv"\ncsv = { delimiter = "::" }', "csv.delimiter", "should match pattern"),
        ('format = "csv"\ncsv = { encoding = "utf-7" }', "csv.encoding", "'windows-1252'"),
        ('csv = { delimiter = ";" }', "csv", "format = 'csv'"),
        ('format = "csv"\nerror = "errors"', "error", "only with format = 'json'"),
        ('format = "csv"\nmissing = "empty"', "missing", "only with format = 'json'"),
        ('format = "ndjson"\nsuccess = "ok"', "success", "only with format = 'json'"),
        ('auth = { kind = "magic" }', "auth.kind", "'bearer'"),
        ('messages = { queue = "Orders" }', "messages.queue", "'Orders' is not the name of a queue; allowed: 3 to 63"),
        ('messages = { queues = ["SHOP/or--ders"] }', "messages.queues.0", "SETTING_NAME/queue"),
        ('messages = { queue = "/orders" }', "messages.queue", "SETTING_NAME/queue"),
        ("messages = { queues = [] }", "messages.queues", "at least 1"),
        ('messages = { queues = ["orders", "orders"] }', "messages.queues", "each queue once"),
        ('messages = { queue = "orders", queues = ["others"] }', "messages.queues", "either queue or queues"),
        ('messages = { queue = "%KEY%/orders" }', "messages.queue", "name of an app setting, without %"),
        ('messages = { format = "xml" }', "messages.format", "'envelope' or 'packed'"),
        ('messages = { encoding = "utf-8" }', "messages.encoding", "'base64' or 'none'"),
        ("messages = { time_to_live = 0 }", "messages.time_to_live", "-1 for ever"),
        ("messages = { time_to_live = -2 }", "messages.time_to_live", "-1 for ever"),
        ("messages = { time_to_live = 60 }", "messages.time_to_live", "SLUICE_MESSAGE_DELAY_SECONDS, which is 60"),
        ("messages = { ttl = 60 }", "messages.ttl", "allowed: encoding, format"),
        ('messages = "id"', "messages", "not a table"),
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
        (
            '[shop]\nurl = "http://shop.example?a=1&api%5Fkey=x"\nitems = ""\n' + NONE,
            "url",
            "file: api_key; allowed: the",
        ),
        (f'auth = {{ {OAUTH}, token_url = "http://a.example?client_secret=x" }}', "auth.token_url", "%NAME%"),
        (f'auth = {{ {OAUTH}, token_url = "http://me:pw@a.example" }}', "auth.token_url", "see auth"),
        (
            f'auth = {{ {OAUTH}, token_url = "http://a.example", extra = {{ password = "x" }} }}',
            "auth.extra.password",
            "%NAME%",
        ),
    ],
)
def test_a_wrong_description_names_source_and_key_and_what_is_allowed(text: str, key: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(said)) as error:
        load(text, {"KEY": "k-123", "SLUICE_MESSAGE_DELAY_SECONDS": "60"})
    assert error.value.field == f"sources.toml: shop.{key}"


def test_a_queue_may_be_named_by_an_app_setting_and_its_account_is_looked_for() -> None:
    text = 'messages = { queues = ["%SHOP_QUEUE%", "SHOP/late", "OTHER/late"], time_to_live = -1 }'
    source = load(text, {"SHOP_QUEUE": "orders"})
    assert source.messages.entries == ("orders", "SHOP/late", "OTHER/late")
    assert "orders" not in source.secrets.values(), "the name of a queue is no secret"
    lines, well = checked(text, {"SHOP_QUEUE": "orders", "OTHER__accountName": "other"})
    assert (well, lines[0]) == (True, "shop: ok, none")
    assert [line.partition(";")[0] for line in lines[1:]] == ["(SHOP: missing"]
    assert unset("SHOP_QUEUE") in checked(text)[0]


def test_a_source_that_is_no_table_is_named() -> None:
    assert checked(b"shop = 5")[0][0].startswith("sources.toml: shop: not a table")


def test_a_dot_in_the_name_of_a_source_is_reported() -> None:
    text = SHOP.replace("[shop]", "[shop.orders]") + NONE
    shown = "a source name without a dot: a dot makes a table inside of a table"
    assert checked(text)[0][0] == f"sources.toml: shop.orders: no such key; allowed: {shown}"


def test_app_settings_are_filled_in_and_one_that_is_not_set_is_named() -> None:
    text = 'headers = { X-Api-Key = "%SHOP_KEY%" }'
    assert load(text, {"SHOP_KEY": "k"}).headers == {"X-Api-Key": "k"}
    with pytest.raises(InvalidInput, match=r"shop.headers.X-Api-Key: the app setting SHOP_KEY is not set"):
        load(text)
    with pytest.raises(InvalidInput, match=r"shop.auth: the app setting SHOP_TOKEN is not set"):
        load(BEARER)


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
def test_a_percent_sign_is_written_twice_where_it_could_begin_the_name_of_an_app_setting(text: str, meant: str) -> None:
    assert load(f'query = {{ q = "{text}" }}', {"SHOP": "ours"}).query == {"q": meant}


def test_the_error_about_an_unknown_app_setting_says_how_to_write_a_percent_sign() -> None:
    with pytest.raises(InvalidInput, match=r"shop.query.q: the app setting Acme is not set.*%% for a percent sign"):
        load("""query = { q = "LIKE '%Acme%'" }""")


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
        'auth = { kind = "bearer", token = "%SHOP_KEY%" }',
        'auth = { kind = "bearer", token = "very-secret" }',
        'auth = { kind = "bearer", token = "4711" }',
        'auth = { kind = "bearer", token = 4711 }',
        'auth = { kind = "bearer", token = ["very-secret"] }',
    ],
)
@pytest.mark.parametrize("value", ["very-secret", "a_secret_that_may_be_a_name"])
def test_no_error_shows_an_app_setting_that_was_filled_in_or_a_secret_in_place_of_its_name(
    text: str, value: str
) -> None:
    settings = {"SHOP_KEY": value}
    with pytest.raises(InvalidInput) as refused:
        load(text, settings)
    for shown in (str(refused.value), *checked(text, settings)[0]):
        assert "secret" not in shown
        assert "4711" not in shown
    if "auth" in text:
        assert "shop.auth.token: not a name; allowed: the name of an app setting" in str(refused.value)


REFERENCE = "@Microsoft.KeyVault(VaultName=shop;SecretName=key)"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('auth = { kind = "bearer", token = "SHOP" }', "auth.token"),
        ('headers = { X-Key = "%SHOP%" }', "headers.X-Key"),
        ('query = { key = "a%SHOP%" }', "query.key"),
    ],
)
def test_a_key_vault_reference_that_was_not_resolved_is_refused_and_not_sent(text: str, key: str) -> None:
    with pytest.raises(InvalidInput, match="the app setting SHOP holds a Key Vault reference that was not") as refused:
        load(text, {"SHOP": REFERENCE})
    assert refused.value.field == f"sources.toml: shop.{key}"
    assert not checked(text, {"SHOP": REFERENCE})[1]


def test_a_key_in_the_url_may_be_an_app_setting() -> None:
    text = '[shop]\nurl = "http://shop.example?api_key=%SHOP%&token="\nitems = ""\n' + NONE
    assert load(text, {"SHOP": "k"}).url == "http://shop.example?api_key=k&token="


FILES = [
    None,
    "",
    "{}",
    '{"Values": null}',
    '{"Values": {"A": "x", "B": 1, "C": true, "D": null}}',
    '{"Values": {"A": {"B": "x"}}}',
    '{"IsEncrypted": true, "Values": {"A": "x"}}',
    '{"Values": ["A"]}',
    "[]",
    "{ // a comment",
]


@pytest.mark.parametrize("text", FILES)
def test_the_check_reads_local_settings_as_the_host_does(text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "local.settings.json"
    if text is not None:
        file.write_text(text)
    try:
        found: dict[str, str] | None = read_local_values(tmp_path)
    except DevhostError:
        found = None
    if found is None:
        with pytest.raises(InvalidInput, match=r"^local\.settings\.json: cannot be read"):
            local_settings(file)
    else:
        assert local_settings(file) == found


def test_the_check_knows_the_settings_and_the_sources_of_local_settings_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.toml").write_text(SHOP + 'headers = { A = "%A%", B = "%B%", C = "%C%" }\n' + NONE)
    values = {"SLUICE_SOURCES": "own.toml", "A": REFERENCE, "B": "b"}
    (tmp_path / "local.settings.json").write_text(json.dumps({"Values": values}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLUICE_SOURCES", raising=False)
    monkeypatch.setattr("sys.argv", ["check"])
    assert main() == 1
    assert "shop.headers.A: the app setting A holds a Key Vault reference" in capsys.readouterr().out
    monkeypatch.setenv("A", "resolved")
    assert main() == 0
    shown = capsys.readouterr().out
    assert "shop: ok" in shown
    assert "setting C is not set" in shown
    assert "setting B" not in shown


KEYS_UNSET = "(Sluice replaces %NAME% with the app setting NAME; write %% for a percent sign)"
WRONG = 'attempts = "x"\nquery = { token = "secret" }\n[shop.paginaton]\nstyle = "none"\n'


def unset(name: str) -> str:
    """Return the line about an app setting that is missing."""
    return f"(the app setting {name} is not set here: export {name}=..., or put it into local.settings.json)"


OK = "shop: ok, none"
NO_END = (
    "(shop.incremental: without {to} and key a run cannot leave newer items to the next run, which reads them again "
    "and drops those that have not changed: send {to}, or set key)"
)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (NONE, ["shop: ok, none"]),
        ("\ufeff" + SHOP + NONE, ["shop: ok, none"]),
        (BEARER, ["shop: ok, none", unset("SHOP_TOKEN")]),
        ("colour = 1", ["sources.toml: shop.colour: no such key"]),
        ("expiry = 5\n" + NONE, ["sources.toml: shop.expiry: not a table"]),
        (
            NONE + '[shop.query]\nsince = "{from}"\nregion = "{region}"\n',
            [
                "shop: ok, none",
                "(shop.query.region: {region} is sent unchanged, because the source has no parameter region)",
                "(shop.query.since: {from} is sent unchanged, because the source has no table incremental)",
            ],
        ),
        (
            NONE + 'query = { since = "{from}" }\nincremental = { carry = "clock", start = 2999-01-01 }',
            [
                "shop: ok, none",
                "(shop.incremental.start: 2999-01-01T00:00:00Z is later than now: no run reads anything until then)",
                NO_END,
            ],
        ),
        (NONE + 'query = { since = "{from}" }\nincremental = { carry = "clock", start = 2024-01-01 }', [OK, NO_END]),
        (
            NONE
            + 'query = { since = "{from}", until = "{to}" }\nincremental = { carry = "clock", start = 2024-01-01 }',
            [OK],
        ),
        (
            NONE + 'query = { since = "{from}" }\nincremental = { carry = "clock", start = 2024-01-01, key = "at" }',
            [OK],
        ),
        ('method = "POST"\nbody = { query = "{viewer{id}}" }\n' + NONE, ["shop: ok, none"]),
        (
            SHOP + NONE + '[third]\nurl = "%WHERE%/x"\nitems = ""\n' + NONE,
            ["shop: ok, none", "third: ok, none", unset("WHERE"), KEYS_UNSET],
        ),
        (
            SHOP + WRONG,
            [
                "sources.toml: shop.query.token: credentials do not belong in this file",
                "sources.toml: shop.paginaton: no such key",
                "sources.toml: shop.pagination: Field required",
                "sources.toml: shop.attempts: Input should be a valid integer, unable to parse string as an integer",
            ],
        ),
    ],
)
def test_the_check_reports_every_mistake_of_every_source_and_the_missing_settings(text: str, lines: list[str]) -> None:
    found, well = checked(text)
    assert [line.partition("; allowed")[0] for line in found] == lines
    assert well is not any(line.startswith("sources.toml") for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        SHOP.replace("shop.example", "%SHOP%.example") + NONE + 'hosts = ["https://%CDN%.example", "%OTHER%"]',
        'pagination = { style = "since", start = "%FROM%" }',
        'pagination = { style = "offset", limit = "%SIZE%", send_limit = "limit" }',
        'repeats = "%REPEATS%"',
        'pagination = { style = "%STYLE%" }',
    ],
)
def test_the_check_passes_what_may_be_right_where_the_app_settings_are(text: str) -> None:
    lines, well = checked(text)
    assert well, lines
    assert lines[0].startswith("shop: ok")
    assert checked(text + "\ncolour = 1")[1] is False


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[shop", "not TOML"),
        (b"", "describes no source"),
        (b'[shop]\nurl = "http://caf\xe9.example"', "line 2 is not UTF-8"),
    ],
)
def test_a_file_that_is_not_a_file_of_sources_is_reported(content: bytes, said: str, tmp_path: Path) -> None:
    (line,), well = checked(content)
    assert said in line
    assert not well
    assert "No such file" in check(tmp_path / "none.toml", {})[0][0]
    assert "cannot be read" in check(tmp_path, {})[0][0]


def test_the_sources_that_come_with_the_app_are_well_described(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["check", str(ROOT / DEMO_SOURCES)])
    assert main() == 0
    assert "demo: ok, cursor" in capsys.readouterr().out


def test_a_body_may_go_with_a_get_where_that_is_said() -> None:
    assert load('method = "GET"\nbody = { size = 9 }').base_request().method == "GET"


@pytest.mark.parametrize("form", ["ndjson", "csv"])
def test_lines_need_no_path_of_their_items(form: str) -> None:
    assert load(f'[shop]\nurl = "http://shop.example"\nformat = "{form}"\n{NONE}').items == ()


def test_values_of_the_query_are_sent_as_the_file_has_them_and_a_list_repeats_its_parameter() -> None:
    query = 'query = { archived = false, all = true, size = 9, least = 1.5, tag = ["a", 2, true], name = "x y" }'
    api = FakeApi({"data": []})

    async def ask() -> None:
        async with served(api) as (plain, http):
            source = load(query).model_copy(update={"url": plain.url})
            await SourceClient(source, http).get(source.base_request())

    asyncio.run(ask())
    sent = "archived=false&all=true&size=9&least=1.5&tag=a&tag=2&tag=true&name=x+y"
    assert api.asked[0].url.raw_query_string == sent
