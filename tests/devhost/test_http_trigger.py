"""HTTP functions on a running host, beyond the answers that the transcripts of the real host show."""

import gc
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local.devhost.http.management import WEBHOOK_PATH
from local.devhost.testing import RunningApp, running_app
from tests.devhost.app_folder import SAMPLE, write_app

NO_PREFIX = '{"version": "2.0", "extensionBundle": {}, "extensions": {"http": {"routePrefix": ""}}}'


def test_a_binary_body_passes_unchanged_and_one_without_a_length_arrives_empty(sample: RunningApp) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"\x00\xff"

    assert httpx.post(f"{sample.url}/api/binary", content=b"\x00\xff\x01").content == b"\x01\xff\x00"
    assert httpx.post(f"{sample.url}/api/binary", content=chunks()).content == b""


@pytest.mark.parametrize("path", ["/api/binary", "/durabletask/orchestrators/fan_out"])
def test_a_client_that_sends_expect_continue_gets_100(sample: RunningApp, path: str) -> None:
    """As curl does with a body above a megabyte: it waits for a second otherwise."""
    host, port = sample.url.removeprefix("http://").split(":")
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"abc")
        assert connection.recv(1000).startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("broken", "ValueError: on purpose\n    Traceback"),
        ("called_off", "CancelledError"),
        ("json_text", "a text that is JSON as a response: return an HttpResponse"),
        ("cookie", "sets no cookies"),
    ],
)
def test_a_failure_is_500_and_the_console_shows_the_reason_and_the_app_s_own_traceback(
    sample: RunningApp, path: str, said: str
) -> None:
    answer = httpx.get(f"{sample.url}/api/{path}")
    assert (answer.status_code, answer.text) == (500, "")
    line = sample.lines[-1]
    assert f"function {path} failed: " in line
    assert said in line
    assert "http_trigger.py" not in line


def test_a_body_above_the_limit_is_500_but_for_the_app_s_own_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "10")
    with running_app(SAMPLE, state_file=tmp_path / "s.db") as app:
        codes = [httpx.post(f"{app.url}/api/binary", content=b"x" * size).status_code for size in (10, 11)]
        started = httpx.post(f"{app.url}/durabletask/orchestrators/fan_out", content='{"count": 1}')
        assert [*codes, started.status_code] == [200, 500, 202]


def test_functions_that_no_request_reaches_are_named_at_the_start(tmp_path: Path) -> None:
    source = """
    app = func.FunctionApp()

    @app.route(route="runs/{command}")
    def a_command(req: func.HttpRequest) -> str: ...

    @app.route(route="runs/redrive")
    def b_redrive(req: func.HttpRequest) -> str: ...
    """
    with running_app(write_app(tmp_path, source), state_file=tmp_path / "s.db") as app:
        assert "function b_redrive is never called for ANY api/runs/redrive" in "".join(app.lines)


def test_requests_need_keys_only_with_the_flag_and_keys_stay_valid_after_a_restart(
    sample: RunningApp, tmp_path: Path
) -> None:
    assert httpx.post(f"{sample.url}/api/binary").status_code == 200
    with running_app(SAMPLE, state_file=tmp_path / "s.db", enable_auth=True) as app:
        assert httpx.post(f"{app.url}/api/binary").status_code == 401
        links = httpx.post(f"{app.url}/api/orchestrators/fan_out").json()
        app.rest()
        assert httpx.get(links["statusQueryGetUri"]).status_code == 200
        assert httpx.get(f"{app.url}{WEBHOOK_PATH}instances").status_code == 401
        before = app.host.keys
    with running_app(SAMPLE, state_file=tmp_path / "s.db", enable_auth=True) as app:
        assert app.host.keys == before


def test_local_settings_are_in_the_environment_while_the_host_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
    import os
    from pathlib import Path
    AT_IMPORT = os.environ["Greeting"]
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route(route="{*rest}")
    def page(req: func.HttpRequest) -> str:
        return f"{AT_IMPORT} {os.environ['Taken']} {Path('host.json').exists()}"
    """
    monkeypatch.setenv("Taken", "from outside")
    monkeypatch.delenv("Greeting", raising=False)
    (tmp_path / "local.settings.json").write_text('{"Values": {"Greeting": "hello", "Taken": "ignored"}}')
    (tmp_path / "host.json").write_text(NO_PREFIX)
    before = Path.cwd()
    with running_app(write_app(tmp_path, source), state_file=tmp_path / "s.db") as app:
        assert httpx.get(f"{app.url}/a").text == "hello from outside True"
    assert Path.cwd() == before
    assert "Greeting" not in os.environ


def test_two_apps_can_run_side_by_side_in_one_process(sample: RunningApp, tmp_path: Path) -> None:
    shutil.copytree(SAMPLE, tmp_path / "copy")
    with running_app(tmp_path / "copy", state_file=tmp_path / "s.db") as second:
        for app in (sample, second):
            assert httpx.post(f"{app.url}/api/binary", content=b"12").text == "21"


def test_an_asgi_app_is_served(tmp_path: Path) -> None:
    source = """
    async def page(scope, receive, send):
        while scope["type"] == "lifespan":
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
        text = f"{scope['method']} {scope['path']} {scope['query_string'].decode()}"
        await send({"type": "http.response.start", "status": 203, "headers": [(b"x-own", b"1")]})
        await send({"type": "http.response.body", "body": text.encode()})

    app = func.AsgiFunctionApp(app=page, http_auth_level=func.AuthLevel.ANONYMOUS)
    """
    (tmp_path / "host.json").write_text(NO_PREFIX)
    with running_app(write_app(tmp_path, source), state_file=tmp_path / "s.db") as app:
        answer = httpx.get(f"{app.url}/hello/you?x=1")
        assert (answer.status_code, answer.text, answer.headers["X-Own"]) == (203, "GET /hello/you x=1", "1")
    # The SDK's app runs an event loop of its own when it is collected: here, and not within the loop of a later test.
    del sys.modules["function_app"]
    gc.collect()
