"""No text shows a secret, in whatever form a source repeats it, and wherever a text is cut."""

import asyncio
import base64
import html
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingestion.concealed import Secrets, _present, add_secrets, conceal, errors_concealed, quoted, sealed, unsealed
from ingestion.errors import SourceRefused, StorageUnavailable
from ingestion.source.description.table import filled_in_secrets
from tests.sources.fake_api import AUTH, OAUTH, FakeApi, Pages, said
from tests.sources.reader import Reading, read, reading_at, refusal

SECRETS = ["s3cr3t-value", "s3/cr\"t+ v&l<'", "gr\u00fcn \U0001f511 key", "s3%41\\u0041+/=="]
FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "url": lambda text: quote(text, safe=""),
    "url, slashes kept": quote,
    "form": quote_plus,
    "url, each character": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "url twice": lambda text: quote(quote(text, safe=""), safe=""),
    "json": lambda text: json.dumps(text)[1:-1],
    "json, slashes escaped": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "json, each unit": lambda text: "".join(map("\\u{:04X}".format, memoryview(text.encode("utf-16-le")).cast("H"))),
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "json in a url": lambda text: quote(json.dumps(text).replace("/", "\\/"), safe=""),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for urls": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in a url": lambda text: quote(base64.b64encode(text.encode()), safe=""),
    "html": html.escape,
    "python": lambda text: repr(text.encode()),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_concealed_in_every_form(secret: str, form: str) -> None:
    add_secrets(secret)
    shown = conceal(f"it said {FORMS[form](secret)} here")
    assert shown.startswith("it said ")
    assert shown.endswith(" here")
    assert "***" in shown
    assert len(shown) <= len('it said \'"\\"***xx==\\""\' here'), "nothing else of it is left"


@pytest.mark.parametrize("lead", ["", "a", "user:", '{"token": "'])
def test_a_secret_is_concealed_inside_of_base64(lead: str) -> None:
    secret = "a secret of some length"
    add_secrets(secret)
    before, stars, after = conceal(FORMS["base64"](f"{lead}{secret} and more")).partition("***")
    assert stars
    assert len(before) + len(after) <= len(FORMS["base64"](f"{lead} and more")) + 4, "nothing else of it is left"


def test_what_holds_no_secret_stays_as_it_is() -> None:
    add_secrets("s3cr3t", "abc")
    text = "100%25 of %41bc \\u0041 &amp; &nothing; c2VjcmV0 abc"
    assert conceal(text) == text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", [0, 150, 180, 195, 32_700, 32_760])
def test_no_cut_leaves_a_part_of_a_secret(form: str, before: int) -> None:
    secret = "0123456789-/abcdefghij"
    add_secrets(secret)
    for text in ("." * before + FORMS[form](secret) + "." * 300, FORMS[form](secret) * 3_000):
        assert not any(part in quoted(text) for part in ("01234", "fghij", "MDEyMz", "%30%31", "0030"))


class Everywhere(FakeApi):
    """Gives the same answer at every path except the token's."""

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        request.match_info["name"] = "token" if request.path == "/token" else ""
        return await super()._respond(request)


def read_at(api: FakeApi, tail: str, table: dict[str, Any], settings: dict[str, str]) -> tuple[list[Any], Reading]:
    """Return the messages of a source at `tail` of its server, one page per batch, and the run that read them."""

    async def run() -> tuple[list[Any], Reading]:
        async with TestServer(api.app()) as server:
            place = server.make_url("/")
            async with reading_at(place, {**table, "url": f"{place}{tail}"}, settings, max_messages=1) as going:
                return await going.all(), going

    return asyncio.run(run())


def stored_by(run: Reading) -> str:
    """Return everything that crosses the durable boundary or is in a blob."""
    return str(run.batches) + "".join(blob.data.decode("latin-1") for blob in run.container.blobs.values())


KEY, FORMS_OF_LINKS = "s3cr3t-tok3n/x", [str, lambda text: quote(text, safe="").lower(), FORMS["base64"]]


@pytest.mark.parametrize("form", FORMS_OF_LINKS)
@pytest.mark.parametrize(
    ("tail", "table"),
    [
        ("%KEY%/", {}),
        ("?key=%KEY%", {}),
        ("", {"query": {"key": "%KEY%"}}),
        ("", {"body": {"key": "%KEY%"}, "method": "POST"}),
        ("", {"auth": AUTH["header"]}),
        ("", {"auth": AUTH["basic"]}),
        ("", {"auth": OAUTH}),
    ],
)
@pytest.mark.parametrize("style", ["next_url", "link_header"])
def test_a_secret_that_next_links_repeat_is_sent_again_and_stored_nowhere(
    style: str, tail: str, table: dict[str, Any], form: Callable[[str], str]
) -> None:
    asked: list[str] = []

    def page(request: web.Request) -> Any:
        asked.append(request.raw_path)
        number = int(request.query.get("page", 1))
        link = f"{request.url.origin()}/{quote(KEY)}/?page={number + 1}&key={form(KEY)}" if number < 3 else ""
        return said(200, {"items": [{"id": number}], "next": link}, Link=f'<{link}>; rel="next"')

    table = {**table, "pagination": {"style": style}}
    messages, run = read_at(Everywhere(page), tail, table, {"KEY": KEY, "ID": "someone", "SECRET": KEY})
    assert messages == [1, 2, 3]
    assert asked[1:] == [f"/{quote(KEY)}/?page={page}&key={form(KEY)}" for page in (2, 3)], "byte for byte"
    known = Secrets()
    known.add(KEY)
    assert known.conceal(stored_by(run)) == stored_by(run)


def test_a_token_that_next_links_repeat_is_stored_nowhere() -> None:
    def page(request: web.Request) -> Any:
        number = int(request.query.get("page", 1))
        link = str(request.url.update_query(page=number + 1, access_token=request.headers["Authorization"][7:]))
        return said(200, {"items": [{"id": number}], "next": link if number < 3 else None})

    table = {"auth": OAUTH, "pagination": {"style": "next_url"}}
    messages, run = read_at(Everywhere(page, token={"access_token": "t0k/en+"}), "", table, {"ID": "id", "SECRET": KEY})
    assert messages == [1, 2, 3]
    assert "t0k" not in stored_by(run)


def test_a_run_goes_on_with_the_secret_of_today() -> None:
    add_secrets(KEY="one-secret")
    stored = sealed({"cursor": ["https://x/?key=one-secret&page=2", 7, None]})
    assert "one-secret" not in str(stored)
    assert unsealed(stored) == {"cursor": ["https://x/?key=one-secret&page=2", 7, None]}
    _present.set(Secrets())
    with pytest.raises(SourceRefused, match="needs the app setting KEY, which its source no longer names"):
        unsealed(stored)
    add_secrets(KEY="another/secret")
    assert unsealed(stored)["cursor"][0] == "https://x/?key=another/secret&page=2"


def test_no_cursor_of_a_source_is_filled_in_with_a_secret() -> None:
    add_secrets(KEY="one-secret")
    for given in ("\ue0000:KEY\ue001", "\ue000\ue0000:KEY\ue001\ue001"):
        assert unsealed(sealed(given)) == given


def test_a_cursor_with_a_secret_that_has_no_name_is_refused() -> None:
    add_secrets("issued-token")
    with pytest.raises(SourceRefused, match=r"has a credential, which must not be stored: 'at \*\*\*'"):
        sealed("at issued-token")


@pytest.mark.parametrize(
    ("tail", "table"),
    [
        ("%KEY%/", {}),
        ("?a=%KEY%", {}),
        ("", {"auth": {**OAUTH, "client_secret": "ID", "extra": {"assertion": "%KEY%"}}}),
        ("", {"auth": {**OAUTH, "client_secret": "ID", "scope": "%KEY%"}}),
        ("", {"pagination": {"style": "cursor", "start": "%KEY%"}}),
        ("", {"headers": {"X-Key": "%KEY%"}}),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_an_app_setting_anywhere_in_a_description_is_concealed(tail: str, table: dict[str, Any], form: str) -> None:
    api = Everywhere(said(400, f"no such thing: {FORMS[form](KEY)}"), token=said(400, {"error": FORMS[form](KEY)}))
    with pytest.raises(SourceRefused) as refused:
        read_at(api, tail, table, {"KEY": KEY, "ID": "someone", "SECRET": "open sesame"})
    known = Secrets()
    known.add(KEY)
    assert known.conceal(str(refused.value)) == str(refused.value)
    assert "***" in str(refused.value)


def test_of_an_app_setting_that_is_an_address_the_host_is_shown_and_the_rest_is_not() -> None:
    environment = {"SHOP": "https://me:pa55word@shop.example:8443/v2/T0KEN99/orders?sig=s1gn%2Fature", "HOST": "shop"}
    found = filled_in_secrets({"url": "%SHOP%/%HOST%"}, environment)
    assert set(found.values()) == {"pa55word", "T0KEN99", "s1gn/ature"}
    assert filled_in_secrets({"url": "https://%HOST%.example/"}, environment) == {}
    assert filled_in_secrets({"url": "https://x.example/", "hosts": ["https://%HOST%.example"]}, environment) == {}


@pytest.mark.parametrize(
    ("table", "answer"),
    [
        ({"items": "nowhere"}, lambda text: {"said": text}),
        ({"format": "ndjson", "pagination": {"style": "none"}}, lambda text: web.Response(text=f"{text}\n")),
        ({"format": "csv", "pagination": {"style": "none"}}, lambda text: web.Response(text=f"<{text}\n1\n")),
        ({}, lambda text: web.Response(text=f"<html>{text}")),
        ({"error": "error", "attempts": 1, "outage_seconds": 0}, lambda text: {"items": [], "error": [text]}),
        ({"success": "ok", "attempts": 1, "outage_seconds": 0}, lambda text: {"items": [], "ok": text}),
        ({"pagination": {"style": "page_number", "end": {"more": "more"}}}, lambda text: {"items": [1], "more": text}),
        ({"pagination": {"style": "range_header"}}, lambda text: said(206, {"items": [1]}, Content_Range=text)),
        ({}, lambda text: web.Response(status=403, text=text)),
        ({}, lambda text: web.Response(status=302, headers={"Location": f"http://other.example/{text}"})),
    ],
)
def test_a_secret_at_the_place_where_a_quotation_is_cut_is_concealed_before(
    table: dict[str, Any], answer: Callable[[str], Any]
) -> None:
    secret = "qxjzkvwypd" * 4
    for before in (5, 20, 35, 45, 60, 75, 160, 175, 195):
        api = FakeApi(lambda request, before=before: answer("." * before + secret))
        message, _ = refusal(api, {"auth": AUTH["header"], **table}, settings={"KEY": secret})
        assert not any(part in message for part in ("qxjz", "xjzk"))


def test_an_error_of_which_nothing_is_known_leaves_without_secrets() -> None:
    add_secrets("s3cr3t")
    with pytest.raises(RuntimeError, match=r"^KeyError: 'no \*\*\*'$") as raised, errors_concealed():
        raise KeyError("no s3cr3t")
    assert raised.value.__suppress_context__
    with pytest.raises(StorageUnavailable, match=r"^could not \*\*\*$"), errors_concealed():
        raise StorageUnavailable("could not s3cr3t") from KeyError("s3cr3t")
    with pytest.raises(StorageUnavailable) as clean, errors_concealed():
        raise StorageUnavailable("could not") from KeyError("why")
    assert isinstance(clean.value.__cause__, KeyError), "for whoever looks for the fault"


def test_messages_cost_no_search_for_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[int] = []
    search = Secrets.conceal

    def counted(self: Secrets, text: str) -> str:
        searched.append(len(text))
        return search(self, text)

    monkeypatch.setattr(Secrets, "conceal", counted)
    sums = []
    for size in (10, 1_000):
        searched.clear()
        read(Pages(last=20 * size, size=size), {"auth": AUTH["header"]}, chunk_size=size, max_messages=20 * size)
        sums.append((len(searched), sum(searched)))
    assert sums[0][0] == sums[1][0] <= 20, "some for each page and batch"
    assert sums[1][1] <= sums[0][1] + 200, "none for each message"
