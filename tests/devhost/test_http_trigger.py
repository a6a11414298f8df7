"""HTTP functions of the sample app on a running host."""

import asyncio
import gc
import json
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local.devhost import server
from local.devhost.console import Console
from local.devhost.server import Devhost
from tests.devhost.app_folder import SAMPLE, write_app

Talk = Callable[[aiohttp.ClientSession, Devhost], Awaitable[None]]

NO_PREFIX = '{"version": "2.0", "extensionBundle": {}, "extensions": {"http": {"routePrefix": ""}}}'


def serve(app_root: Path, state_file: Path, talk: Talk, lines: list[str] | None = None, **options: Any) -> None:
    said: list[str] = [] if lines is None else lines

    async def run() -> None:
        running = server.serve(app_root, state_file=state_file, console=Console(write=said.append), **options)
        async with running as host, aiohttp.ClientSession() as session:
            await talk(session, host)

    asyncio.run(run())


def test_a_function_sees_the_request_as_in_azure(tmp_path: Path) -> None:
    async def talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        url = f"{host.url}/API/Echo/12?a=1&a=2&empty=&b=x%20y"
        headers = [("X-Twice", "1"), ("X-Twice", "2"), ("Content-Type", "application/x-www-form-urlencoded")]
        async with session.put(url, data=b"field=v%C3%A4lue", headers=headers) as response:
            seen = json.loads(await response.text())
            assert response.status == 201
            assert response.headers["Content-Type"] == "application/json"
        assert (seen["method"], seen["url"], seen["function"]) == ("PUT", url, "echo")
        assert seen["params"] == {"a": "1,2", "b": "x y"}
        assert seen["route_params"] == {"number": "12"}
        assert seen["headers"]["x-twice"] == "1,2"
        assert seen["form"] == {"field": "välue"}

    serve(SAMPLE, tmp_path / "s.db", talk)


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/api/echo/special", 200, "special"),
        ("GET", "/api/echo/x", 404, ""),
        ("GET", "/api/nothing", 404, ""),
        ("GET", "/echo", 404, ""),
        ("GET", "/api/orchestrators/fan_out", 404, ""),
        ("GET", "/api/broken", 500, ""),
        ("GET", "/api/wrong", 500, ""),
        ("GET", "/api/called_off", 500, ""),
        ("GET", "/robots.txt", 404, ""),
        ("GET", "/api/echo/a%00b", 400, ""),
    ],
)
def test_the_host_answers_as_in_azure(tmp_path: Path, method: str, path: str, status: int, body: str) -> None:
    async def talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        async with session.request(method, host.url + path) as response:
            assert (response.status, await response.text()) == (status, body)

    serve(SAMPLE, tmp_path / "s.db", talk)


def test_a_binary_body_passes_unchanged_and_one_without_a_length_arrives_empty(tmp_path: Path) -> None:
    async def chunks() -> Any:
        yield b"\x00\xff"
        yield b"\x01"

    async def talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        for data, answer in ((b"\x00\xff\x01", b"\x01\xff\x00"), (chunks(), b"")):
            async with session.post(f"{host.url}/api/binary", data=data) as response:
                assert await response.read() == answer

    serve(SAMPLE, tmp_path / "s.db", talk)


def test_a_body_above_the_limit_is_500(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "10")

    async def talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        async with session.post(f"{host.url}/api/binary", data=b"x" * 10) as response:
            assert response.status == 200
        async with session.post(f"{host.url}/api/binary", data=b"x" * 11) as response:
            assert response.status == 500
        # What the app's own client sends has no limit.
        async with session.post(f"{host.url}/durabletask/orchestrators/fan_out", data='{"count": 1}') as response:
            assert response.status == 202

    serve(SAMPLE, tmp_path / "s.db", talk)


def test_functions_that_no_request_reaches_are_named_at_the_start(tmp_path: Path) -> None:
    source = """
    app = func.FunctionApp()

    @app.route(route="runs/{wish}")
    def a_wish(req: func.HttpRequest) -> str: ...

    @app.route(route="runs/redrive")
    def b_redrive(req: func.HttpRequest) -> str: ...

    @app.route(route="admin/x")
    def c_admin(req: func.HttpRequest) -> str: ...
    """
    lines: list[str] = []

    async def talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        assert "function b_redrive is never called for ANY api/runs/redrive" in "".join(lines)
        assert "The 'c_admin' function is in error" in "".join(lines)

    serve(write_app(tmp_path, source), tmp_path / "s.db", talk, lines)


def test_a_failure_shows_the_app_s_own_traceback(tmp_path: Path) -> None:
    lines: list[str] = []

    async def talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        await session.get(f"{host.url}/api/broken")

    serve(SAMPLE, tmp_path / "s.db", talk, lines)
    shown = next(line for line in lines if "function broken failed: ValueError: on purpose" in line)
    assert "function_app.py" in shown
    assert "http_trigger.py" not in shown


def test_keys_are_asked_for_only_with_the_flag(tmp_path: Path) -> None:
    async def open_talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        async with session.get(f"{host.url}/api/binary") as response:
            assert response.status == 200

    async def closed_talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        keys = host.keys
        assert keys is not None

        async def status(path: str, **more: Any) -> int:
            async with session.get(host.url + path, **more) as response:
                return response.status

        assert await status("/api/binary") == 401
        assert await status("/api/binary?code=wrong") == 401
        assert await status(f"/api/binary?code={keys.functions['binary']}") == 200
        assert await status("/api/binary", headers={"x-functions-key": keys.host}) == 200
        assert await status(f"/api/echo?code={keys.master}") == 201
        assert await status("/api/echo?code=wrong") == 201
        assert await status("/api/nothing") == 404
        instances = "/runtime/webhooks/durabletask/instances"
        assert await status(instances) == 401
        assert await status(f"{instances}?code={keys.host}") == 403
        assert await status(f"{instances}?code={keys.durable}") == 200
        async with session.post(f"{host.url}/api/orchestrators/fan_out") as response:
            links = await response.json()
        async with session.get(links["statusQueryGetUri"]) as response:
            assert response.status in (200, 202)

    serve(SAMPLE, tmp_path / "s.db", open_talk)
    serve(SAMPLE, tmp_path / "s.db", closed_talk, enable_auth=True)


def test_keys_stay_good_over_a_restart(tmp_path: Path) -> None:
    seen = []

    async def talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        seen.append(host.keys)

    for _ in range(2):
        serve(SAMPLE, tmp_path / "s.db", talk, enable_auth=True)
    assert seen[0] == seen[1]


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
        return f"{AT_IMPORT} {os.environ['Taken']} {Path('host.json').exists()} {req.route_params}"
    """
    monkeypatch.setenv("Taken", "from outside")
    monkeypatch.delenv("Greeting", raising=False)
    write_app(tmp_path, source)
    (tmp_path / "local.settings.json").write_text('{"Values": {"Greeting": "hello", "Taken": "ignored"}}')
    (tmp_path / "host.json").write_text(NO_PREFIX)

    async def talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        async with session.get(f"{host.url}/a/b") as response:
            assert await response.text() == "hello from outside True {'rest': 'a/b'}"

    before = Path.cwd()
    serve(tmp_path, tmp_path / "s.db", talk)
    assert Path.cwd() == before
    assert "Greeting" not in os.environ


def test_an_answer_that_the_real_host_writes_anew_is_refused(tmp_path: Path) -> None:
    source = """
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route(route="text")
    def text(req: func.HttpRequest) -> str:
        return '{"body": {"a": 1}, "statusCode": 418}'

    @app.route(route="cookie")
    def cookie(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("c", headers={"Set-Cookie": "a=b"})
    """
    lines: list[str] = []

    async def talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        for path, said in (("text", "a text that is JSON: return an HttpResponse"), ("cookie", "sets no cookies")):
            async with session.get(f"{host.url}/api/{path}") as response:
                assert response.status == 500
            assert said in "".join(lines)

    serve(write_app(tmp_path, source), tmp_path / "s.db", talk, lines)


def test_two_apps_can_run_side_by_side_in_one_process(tmp_path: Path) -> None:
    other = tmp_path / "copy"
    shutil.copytree(SAMPLE, other)

    async def talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        running = server.serve(other, state_file=tmp_path / "two.db", console=Console(list[str]().append))
        async with running as second, session.get(f"{second.url}/api/echo/special") as response:
            assert await response.text() == "special"

    serve(SAMPLE, tmp_path / "one.db", talk)


def test_a_disabled_function_is_404(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AzureWebJobs.special.Disabled", "1")

    async def talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        async with session.get(f"{host.url}/api/echo/special") as response:
            assert response.status == 404

    serve(SAMPLE, tmp_path / "s.db", talk)


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

    async def talk(session: aiohttp.ClientSession, host: Devhost) -> None:
        async with session.get(f"{host.url}/hello/you?x=1") as response:
            seen = (response.status, await response.text(), response.headers["X-Own"])
            assert seen == (203, "GET /hello/you x=1", "1")

    serve(write_app(tmp_path, source), tmp_path / "s.db", talk)
    # The SDK's app runs an event loop of its own when it is collected: here, and not within the loop of a later test.
    del sys.modules["function_app"]
    gc.collect()
