"""Every answer of an app, or of a gateway before it, ends a command with one line and the right code."""

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from terminal.api import Api
from terminal.ending import Code, Trouble
from terminal.following import follow

Handler = Callable[[httpx.Request], httpx.Response]


def api(handler: Handler) -> Api:
    return Api("http://app", "the-key", transport=httpx.MockTransport(handler))


def problem(status: int, **fields: str) -> httpx.Response:
    return httpx.Response(status, json={"type": "about:blank", "title": "T", "status": status, **fields})


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (problem(400, field="chunk_size", detail="too small", allowed="1 at least"), Code.USAGE,
         "chunk_size: too small (allowed: 1 at least)"),
        (problem(404, field="run_id", detail="there is no run 'x'"), Code.NO_SUCH_RUN,
         "run_id: there is no run 'x' at http://app; sluice list shows its runs"),
        (problem(404, field="source", detail="no such source"), Code.USAGE, "source: no such source"),
        (problem(409, field="run_id", detail="it has\nended"), Code.FAILED, "run_id: it has ended"),
        (problem(412, field="If-Match", detail="changed"), Code.FAILED, "If-Match: changed"),
        (problem(503, field="(storage)", detail="away"), Code.UNREACHABLE, "(storage): away"),
        (httpx.Response(500), Code.UNREACHABLE, "http://app is not available: HTTP 500"),
        (httpx.Response(429), Code.UNREACHABLE, "http://app is not available: HTTP 429"),
        (httpx.Response(502, html="<h1>Bad gateway</h1>"), Code.UNREACHABLE, "http://app is not available: HTTP 502"),
        (httpx.Response(404), Code.UNREACHABLE, "http://app has no such route"),
        (httpx.Response(200, html="<h1>Sign in</h1>"), Code.UNREACHABLE, "http://app did not answer with JSON"),
        (httpx.Response(301, headers={"Location": "https://app/"}), Code.UNREACHABLE, "it redirects to https://app/"),
        (httpx.Response(401), Code.NOT_ALLOWED, "http://app refused this key (HTTP 401); give another key"),
        (httpx.Response(403, text="IP \x1b[2J not allowed"), Code.NOT_ALLOWED, "(HTTP 403)"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_success_is_one_line_and_a_code(answer: httpx.Response, code: Code, said: str) -> None:
    with pytest.raises(Trouble) as refused:
        api(lambda request: answer).get("/runs")
    assert (refused.value.code, said in str(refused.value)) == (code, True), refused.value
    assert "\n" not in str(refused.value)
    assert "the-key" not in str(refused.value)


def test_the_key_goes_into_a_header_and_never_into_a_url() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={})

    api(answer).get("/runs", status="failed", after=None)
    assert str(asked[0].url) == "http://app/api/runs?status=failed"
    assert asked[0].headers["x-functions-key"] == "the-key"


def test_a_look_that_finds_nothing_new_costs_no_answer() -> None:
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("If-None-Match"))
        if asked[-1] == '"1"':
            return httpx.Response(304)
        return httpx.Response(200, json={"n": 1}, headers={"ETag": '"1"'})

    app = api(answer)
    assert [app.get("/runs/x"), app.get("/runs/x"), app.get("/runs/y")] == [{"n": 1}] * 3
    assert asked == [None, '"1"', None]


def look(status: str, counts_at: str, enqueued: int = 0) -> dict[str, Any]:
    return {"run_id": "r", "status": status, "progress": {"counts_at": counts_at, "enqueued": enqueued}}


def followed(monkeypatch: pytest.MonkeyPatch, *looks: dict[str, Any] | int | Exception) -> tuple[list[Any], list[str]]:
    """Return the runs that a watcher sees with these answers, and the texts for the missing ones."""
    monkeypatch.setattr("terminal.following.POLL_SECONDS", 0.0)
    answers, said = iter(looks), list[str]()

    def answer(request: httpx.Request) -> httpx.Response:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return httpx.Response(found) if isinstance(found, int) else httpx.Response(200, json=found)

    return list(follow(api(answer), "r", silent=said.append)), said


def test_a_run_is_followed_through_an_app_that_is_away_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    first, last = look("running", "1"), look("completed", "2")
    seen, said = followed(monkeypatch, first, httpx.ConnectError("nobody listens"), 503, first, last)
    assert seen == [first, last]
    wait = "the run may continue, and sluice tries again for 120 s"
    assert said[1] == f"cannot reach http://app (--url, SLUICE_URL): nobody listens; {wait}"
    assert [bool(text) for text in said] == [False, True, True, False, False], "what was said is taken back"


def test_the_same_counts_a_second_later_are_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    first, later, last = look("paused", "1", 5), look("paused", "2", 5), look("completed", "3", 9)
    assert followed(monkeypatch, first, later, last)[0] == [first, last]


def test_patience_with_an_app_that_is_away_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("terminal.following.PATIENCE_SECONDS", 0.0)
    with pytest.raises(Trouble) as ended:
        followed(monkeypatch, look("running", "1"), 503, 503, 503)
    assert ended.value.code == Code.UNREACHABLE


def test_an_app_that_never_answered_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Trouble):
        followed(monkeypatch, 503)


def test_a_look_that_knows_less_than_the_one_before_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    newer, older, last = look("running", "2", 700), look("running", "1", 300), look("failed", "1", 700)
    assert followed(monkeypatch, newer, older, last)[0] == [newer, last]


def test_another_status_is_shown_although_its_counts_are_older(monkeypatch: pytest.MonkeyPatch) -> None:
    newer, paused, last = look("running", "2", 700), look("paused", "1", 300), look("failed", "3", 700)
    assert followed(monkeypatch, newer, paused, last)[0] == [newer, paused, last]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_an_app_of_this_machine_is_not_called_through_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

        answered = pool.submit(answer)
        try:
            assert Api(f"http://{host}:{server.getsockname()[1]}", None).get("/runs") == {}
        finally:
            if not answered.done():
                socket.create_connection(server.getsockname()).close()
