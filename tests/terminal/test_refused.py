"""What is wrong in a call is refused before the app is asked, and no key is shown with it."""

import errno
import sys
import time
from pathlib import Path

import httpx
import pytest

from terminal import profile
from terminal.ending import Code
from tests.terminal.conftest import Call, call

__all__ = ["call"]


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What an app is asked that takes everything."""
    found: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        found.append(f"{request.method} {request.url.raw_path.decode()}")
        return httpx.Response(200, json={"runs": [], "next": None, "key": request.headers.get("x-functions-key")})

    def send(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        for value in request.headers.raw:  # as h11 does
            if value[1] != value[1].strip():
                raise httpx.LocalProtocolError(f"Illegal header value {value[1]!r}")
        return answer(request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", send)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_URL", "http://app")
    monkeypatch.delenv("SLUICE_KEY", raising=False)
    return found


@pytest.mark.parametrize("given", ["", "orders#2", "orders?x", "../sources", "orders/report", "a\nb", "ä", ".."])
@pytest.mark.parametrize(
    "words", [["delete", "--yes"], ["pause"], ["cancel"], ["redrive"], ["resume"], ["show"], ["watch"], ["rejected"],
              ["failures"], ["open"]]
)  # fmt: skip
def test_what_no_run_can_be_called_never_reaches_another_run(
    call: Call, asked: list[str], words: list[str], given: str
) -> None:
    said = call(*words, "--", given)
    assert (said.code, said.out, asked) == (Code.USAGE, "", [])


def test_a_key_with_a_line_break_behind_it_is_used_without(
    call: Call, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_KEY", "s3cr3t-key\r\n")
    said = call("list", "--json")
    assert (said.code, said.json["key"]) == (0, "s3cr3t-key")


@pytest.mark.parametrize("key", ["s3cr3t\nkey", "s3cr3t\u00e9", "s3cr3t\x1b"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(call: Call, asked: list[str], key: str) -> None:
    said = call("list", "--key", key)
    assert (said.code, asked, "s3cr3t" in said.err + said.out) == (Code.USAGE, [], False)


@pytest.mark.parametrize(
    "url", ["http://app/api?code=s3cr3t", "http://me:s3cr3t@app", "ftp://me:s3cr3t@app", "http://app/#s3cr3t"]
)
def test_a_url_that_holds_a_key_is_refused_and_not_shown(call: Call, asked: list[str], url: str) -> None:
    said = call("list", "--url", url)
    assert (said.code, asked, "s3cr3t" in said.err + said.out) == (Code.USAGE, [], False)


@pytest.mark.parametrize(
    "place",
    ["", "/", "/api", "/api/", "/api/runs", "/api/ui", "/api/ui/", "/api/ui#/runs/orders-1", "/api/ui#/?status=a"],
)
def test_an_address_copied_from_the_page_or_the_server_names_the_app(call: Call, asked: list[str], place: str) -> None:
    assert call("list", "--url", f"http://copied{place}", "--json").code == 0
    assert asked == ["GET /api/runs"]


def test_the_name_of_a_source_never_becomes_another_route(call: Call, asked: list[str]) -> None:
    call("watermark", "show", "orders?x#y")
    assert asked == ["GET /api/sources/orders%3Fx%23y/watermark"]


@pytest.mark.parametrize("words", [["watch", "orders"], ["start", "orders"], ["sources"], ["show", "orders"]])
def test_an_answer_that_is_no_answer_of_this_version_is_one_line_and_no_failed_run(
    call: Call, asked: list[str], words: list[str]
) -> None:
    said = call(*words, "--json")
    assert (said.code, said.err.count("\n"), "Traceback" in said.err) == (Code.UNREACHABLE, 1, False)
    assert "is it a Sluice app of this version?" in said.err


@pytest.mark.parametrize(
    ("given", "asked_for"),
    [("2026-11-26", "2026-11-25T15%3A00%3A00Z"), ("2026-11-26T00:00:00Z", "2026-11-26T00%3A00%3A00Z"), ("now", "now")],
)
def test_a_time_without_a_zone_is_that_of_the_tables(
    call: Call, asked: list[str], monkeypatch: pytest.MonkeyPatch, given: str, asked_for: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        call("list", "--from", given)
    time.tzset()
    assert asked == [f"GET /api/runs?from={asked_for}"]


@pytest.mark.parametrize("document", [[], {"items": []}])
def test_login_saves_no_service_that_is_no_sluice_app(
    call: Call, monkeypatch: pytest.MonkeyPatch, document: object
) -> None:
    answer = lambda self, request: httpx.Response(200, json=document)  # noqa: E731
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    said = call("login")
    assert (said.code, said.out, profile.path().exists()) == (Code.UNREACHABLE, "", False)
    assert "http://app does not answer as a Sluice app does" in said.err


def test_a_reader_that_closes_the_output_is_no_failed_run(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*given: object, **named: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", sys.stdout)  # click puts another in its place
        patched.setattr("click.echo", closed)
        assert call("list", "--json").code == Code.OUTPUT_CLOSED
