"""The durable HTTP API, row by row, over a hub that runs nothing."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from devhost.console import Console
from devhost.hub import TaskHub
from devhost.instance import InstanceFilter
from devhost.management import WEBHOOK_PATH, ManagementLinks
from devhost.webhooks import Webhooks
from tests.devhost.fake_hub import FakeHub, make_instance

Body = Any
Answer = tuple[int, Body, dict[str, str]]
Ask = Callable[..., Awaitable[Answer]]


def hub_of_every_status() -> FakeHub:
    statuses = ("Running", "Pending", "Suspended", "Completed", "Failed", "Terminated")
    return FakeHub(*(make_instance(status.lower(), status) for status in statuses))


def converse(hub: FakeHub, talk: Callable[[Ask], Awaitable[None]]) -> None:
    async def run() -> None:
        links = ManagementLinks(hub_name="Hub", code=None)
        webhooks = Webhooks(cast(TaskHub, hub), links, Console(write=lambda line: None))

        async def handle(request: web.Request) -> web.Response:
            return await webhooks.handle(request, request.rel_url.raw_path[len(WEBHOOK_PATH) :])

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        async with TestServer(app) as server, aiohttp.ClientSession() as session:

            async def ask(method: str, path: str, **more: Any) -> Answer:
                async with session.request(method, server.make_url(WEBHOOK_PATH + path), **more) as response:
                    text = await response.text()
                    return response.status, json.loads(text) if text else None, dict(response.headers)

            await talk(ask)

    asyncio.run(run())


JSON: dict[str, Any] = {"data": '{"k": 1}', "headers": {"Content-Type": "application/json"}}


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("POST", "orchestrators/orch", {}, 202),
        ("POST", "Orchestrators/orch/some-id", JSON, 202),
        ("POST", "orchestrators/orch/running", JSON, 409),
        ("POST", "orchestrators/orch/completed", JSON, 202),
        ("POST", "orchestrators/orch", {"data": "{no json"}, 400),
        ("POST", "orchestrators/orch?timeout=1&pollingInterval=2", {}, 400),
        ("GET", "orchestrators/orch", {}, 404),
        ("GET", "instances/running", {}, 202),
        ("GET", "instances/pending", {}, 202),
        ("GET", "instances/suspended", {}, 202),
        ("GET", "instances/completed", {}, 200),
        ("GET", "instances/terminated", {}, 200),
        ("GET", "instances/failed", {}, 200),
        ("GET", "instances/failed?returnInternalServerErrorOnFailure=true", {}, 500),
        ("GET", "instances/none", {}, 404),
        ("PUT", "instances/running", {}, 404),
        ("GET", "instances", {}, 200),
        ("GET", "instances/", {}, 200),
        ("DELETE", "instances/completed", {}, 200),
        ("DELETE", "instances/running", {}, 412),
        ("DELETE", "instances/none", {}, 404),
        ("DELETE", "instances", {}, 400),
        ("DELETE", "instances/?createdTimeFrom=2026-01-01T00:00:00.000000Z", {}, 200),
        ("POST", "instances/running/raiseEvent/go", JSON, 202),
        ("POST", "instances/running/RAISEEVENT/go", JSON, 202),
        ("POST", "instances/suspended/raiseEvent/go", JSON, 202),
        ("POST", "instances/pending/raiseEvent/go", JSON, 202),
        ("POST", "instances/completed/raiseEvent/go", JSON, 410),
        ("POST", "instances/none/raiseEvent/go", JSON, 404),
        ("POST", "instances/running/raiseEvent/go", {"data": "{}", "headers": {"Content-Type": "text/plain"}}, 400),
        ("POST", "instances/running/raiseEvent/go", {**JSON, "data": "{no json"}, 400),
        ("POST", "instances/running/terminate?reason=x", {}, 202),
        ("POST", "instances/completed/terminate", {}, 410),
        ("POST", "instances/none/terminate", {}, 404),
        ("POST", "instances/running/suspend?reason=x", {}, 202),
        ("POST", "instances/suspended/suspend", {}, 500),
        ("POST", "instances/failed/suspend", {}, 410),
        ("POST", "instances/suspended/resume", {}, 202),
        ("POST", "instances/running/resume", {}, 500),
        ("POST", "instances/none/resume", {}, 404),
        ("POST", "instances/failed/rewind?reason=x", {}, 202),
        ("POST", "instances/completed/rewind", {}, 412),
        ("POST", "instances/none/rewind", {}, 404),
        ("POST", "instances/completed/restart", {}, 202),
        ("POST", "instances/none/restart", {}, 400),
        ("GET", "instances/running/terminate", {}, 404),
        ("POST", "instances/running/unknown", {}, 404),
        ("GET", "elsewhere", {}, 404),
        ("POST", "entities/counter/1?op=add", {}, 501),
    ],
)
def test_each_route_answers_with_its_status(method: str, path: str, more: dict[str, Any], status: int) -> None:
    async def talk(ask: Ask) -> None:
        answered, body, _ = await ask(method, path, **more)
        assert answered == status
        if status == 400 and not path.startswith("instances") and body is not None:
            assert body["ExceptionMessage"]
        if status in (404, 410):
            assert body is None

    converse(hub_of_every_status(), talk)


def test_start_passes_on_the_raw_text_and_answers_with_links() -> None:
    hub = FakeHub()

    async def talk(ask: Ask) -> None:
        status, body, headers = await ask("POST", "orchestrators/My%20Orch/an+id?version=1.2", data='"{\\"a\\": 1}"')
        assert status == 202
        assert hub.calls == [("start", "My Orch", "an id", '"{\\"a\\": 1}"', "1.2")]
        assert set(body) == {
            "id",
            "statusQueryGetUri",
            "sendEventPostUri",
            "terminatePostUri",
            "purgeHistoryDeleteUri",
            "restartPostUri",
            "suspendPostUri",
            "resumePostUri",
        }
        assert body["id"] == "an id"
        assert body["terminatePostUri"].endswith(
            "/instances/an%20id/terminate?reason={text}&taskHub=Hub&connection=Storage"
        )
        assert (headers["Location"], headers["Retry-After"]) == (body["statusQueryGetUri"], "10")

    converse(hub, talk)


def test_start_and_wait_answers_with_the_output() -> None:
    async def talk(ask: Ask) -> None:
        assert (await ask("POST", "orchestrators/quick?timeout=5&pollingInterval=1"))[:2] == (200, 42)
        status, body, _ = await ask("POST", "orchestrators/orch/x?timeout=0.02&pollingInterval=0.01")
        assert (status, body["id"]) == (202, "x")

    converse(FakeHub(), talk)


def test_status_shows_the_instance_with_times_in_seconds() -> None:
    async def talk(ask: Ask) -> None:
        _, body, headers = await ask("GET", "instances/running?showInput=False")
        assert body == {
            "name": "orch",
            "instanceId": "running",
            "runtimeStatus": "Running",
            "input": None,
            "customStatus": "busy",
            "output": None,
            "createdTime": "2026-01-02T03:04:05Z",
            "lastUpdatedTime": "2026-01-02T03:04:05Z",
        }
        assert headers["Retry-After"] == "5"
        assert headers["Location"].endswith("instances/running?showInput=False")
        assert (await ask("GET", "instances/completed"))[1]["input"] == {"a": 1}

    converse(hub_of_every_status(), talk)


def test_a_failure_that_is_no_json_is_shown_as_text() -> None:
    hub = FakeHub(make_instance("x", "Failed", output_text="Orchestrator function 'orch' failed: no"))

    async def talk(ask: Ask) -> None:
        assert (await ask("GET", "instances/x"))[1]["output"] == "Orchestrator function 'orch' failed: no"

    converse(hub, talk)


def test_a_list_pages_by_continuation_header() -> None:
    hub = hub_of_every_status()

    async def talk(ask: Ask) -> None:
        status, body, headers = await ask(
            "GET",
            "instances?top=2&runtimeStatus=running,COMPLETED,odd&instanceIdPrefix=r&createdTimeFrom=2026-01-01T00:00:00Z",
            headers={"x-ms-continuation-token": "here"},
        )
        assert (status, len(body), headers["x-ms-continuation-token"]) == (200, 2, "more")
        wanted = InstanceFilter(
            created_from=datetime(2026, 1, 1, tzinfo=UTC), statuses=frozenset({"Running", "Completed"}), prefix="r"
        )
        assert hub.calls == [("query", wanted, 2, "here")]
        _, body, headers = await ask("GET", "instances")
        assert len(body) == 6
        assert "x-ms-continuation-token" not in headers

    converse(hub, talk)


def test_history_is_shown_only_when_asked_for_and_never_for_a_pending_one() -> None:
    hub = hub_of_every_status()
    hub.events = [{"EventType": 12, "EventId": -1, "IsPlayed": False, "Timestamp": "t"}]

    async def talk(ask: Ask) -> None:
        assert "historyEvents" not in (await ask("GET", "instances/running"))[1]
        assert (await ask("GET", "instances/running?showHistory=True"))[1]["historyEvents"] == []
        assert (await ask("GET", "instances/pending?showHistory=True"))[1]["historyEvents"] is None

    converse(hub, talk)


def test_an_event_keeps_its_text_and_a_decoded_name() -> None:
    hub = hub_of_every_status()

    async def talk(ask: Ask) -> None:
        await ask("POST", "instances/running/raiseEvent/go%20on", **JSON)
        assert hub.calls == [("event", "running", "go on", '{"k": 1}')]

    converse(hub, talk)
