"""Each method of the SDK's durable client against a live host."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import pytest

from local.devhost.console import Console
from local.devhost.http.management import ManagementLinks
from local.devhost.server import Devhost, serve
from tests.devhost.app_folder import SAMPLE

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
Status = df.OrchestrationRuntimeStatus


def converse(folder: Path, talk: Callable[[Any, Devhost], Awaitable[None]]) -> list[str]:
    lines: list[str] = []

    async def run() -> None:
        async with serve(SAMPLE, state_file=folder / "s.db", console=Console(write=lines.append)) as host:
            links = ManagementLinks(hub_name=host.settings.hub_name, code=None)
            await talk(df.DurableOrchestrationClient(links.client_binding(host.url)), host)

    asyncio.run(run())
    return lines


async def settled(client: Any, instance_id: str, *wanted: str) -> Any:
    for _ in range(6_000):
        status = await client.get_status(instance_id, show_input=True)
        if status and status.runtime_status.value in (wanted or ("Completed", "Failed", "Terminated")):
            return status
        await asyncio.sleep(0.01)
    raise AssertionError(f"{instance_id} is {status.runtime_status}")


def test_start_status_and_history(tmp_path: Path) -> None:
    async def talk(client: Any, host: Devhost) -> None:
        assert not await client.get_status("nobody")
        assert await client.start_new("fan_out", "one", {"count": 2}) == "one"
        status = await settled(client, "one")
        assert (status.name, status.output, status.custom_status) == ("fan_out", 2, {"stage": "done"})
        assert json.loads(status.input_) == {"count": 2}
        full = await client.get_status("one", show_history=True, show_history_output=True)
        # The SDK keeps the wire's name for it and leaves its own attribute `history` empty.
        kinds = [event["EventType"] for event in full.historyEvents]
        assert kinds == ["ExecutionStarted", "TaskCompleted", "TaskCompleted", "ExecutionCompleted"]
        made = await client.start_new("fan_out")
        assert len(made) == 32
        assert (await settled(client, made)).output == 6

    converse(tmp_path, talk)


def test_a_start_of_an_unknown_name_gives_an_id_and_the_instance_fails(tmp_path: Path) -> None:
    """Source: row 7 of real-host.md section 1, api-more.json."""

    async def talk(client: Any, host: Devhost) -> None:
        for name in ("unheard_of", "double"):
            status = await settled(client, await client.start_new(name))
            assert (status.name, status.runtime_status) == (name, Status.Failed)
            assert status.output.startswith(
                f"Orchestrator function '{name}' failed: The function '{name}' doesn't exist, is disabled, or is not "
                "an orchestrator function. Additional info: The following are the known orchestrator functions: 'fan_"
            )

    converse(tmp_path, talk)


def test_start_says_why_it_refuses(tmp_path: Path) -> None:
    async def talk(client: Any, host: Devhost) -> None:
        await client.start_new("approval", "busy")
        with pytest.raises(Exception, match="already exists"):
            await client.start_new("approval", "busy")

    converse(tmp_path, talk)


def test_events_reach_a_waiting_instance_as_the_sdk_sends_them(tmp_path: Path) -> None:
    async def talk(client: Any, host: Devhost) -> None:
        await client.start_new("approval", "a")
        await client.raise_event("a", "decision", {"ok": True})
        # Encoded twice by the client, decoded once for the orchestrator: a known trait of the SDK.
        assert (await settled(client, "a")).output == '{"ok": true}'
        with pytest.raises(Exception, match="gone"):
            await client.raise_event("a", "decision", 1)
        with pytest.raises(Exception, match="No instance"):
            await client.raise_event("nobody", "decision", 1)

    converse(tmp_path, talk)


def test_suspend_resume_and_terminate(tmp_path: Path) -> None:
    async def talk(client: Any, host: Devhost) -> None:
        await client.start_new("approval", "a")
        await settled(client, "a", "Running")
        await client.suspend("a", "a reason with spaces")
        await settled(client, "a", "Suspended")
        await client.resume("a", "on")
        await settled(client, "a", "Running")
        await client.terminate("a", "enough & done")
        status = await settled(client, "a")
        assert (status.runtime_status, status.output) == (Status.Terminated, "enough & done")
        await client.terminate("a", "again")  # 410 is fine with the client
        with pytest.raises(Exception, match="nobody"):
            await client.terminate("nobody", "x")

    converse(tmp_path, talk)


def test_lists_and_purges(tmp_path: Path) -> None:
    async def talk(client: Any, host: Devhost) -> None:
        for name in ("run-1", "run-2", "other"):
            await client.start_new("fan_out", name, {"count": 1})
            await settled(client, name)
        found = await client.get_status_by(instance_id_prefix="run-")
        assert sorted(status.instance_id for status in found) == ["run-1", "run-2"]
        assert (await client.purge_instance_history("run-1")).instances_deleted == 1
        assert (await client.purge_instance_history("run-1")).instances_deleted == 0
        assert sorted(status.instance_id for status in await client.get_status_all()) == ["other", "run-2"]

    converse(tmp_path, talk)


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (lambda client: client.rewind("busy", "again"), "rewind"),
        (lambda client: client.restart("busy"), "restart"),
        (lambda client: client.start_new("fan_out", version="2.1"), "the parameter version"),
        (lambda client: client.get_status_by(runtime_status=[Status.Running]), "the parameter runtimeStatus"),
        (lambda client: client.get_status_by(created_time_from=LONG_AGO), "the parameter createdTimeFrom"),
        (lambda client: client.purge_instance_history_by(created_time_from=LONG_AGO), "the parameter createdTimeFrom"),
        (lambda client: client.signal_entity(df.EntityId("Counter", "main"), "add", 1), "durable entities"),
        (lambda client: client.read_entity_state(df.EntityId("Counter", "main")), "durable entities"),
    ],
)
def test_what_devhost_leaves_out_fails_and_the_console_says_so(
    tmp_path: Path, ask: Callable[[Any], Awaitable[Any]], what: str
) -> None:
    async def talk(client: Any, host: Devhost) -> None:
        await client.start_new("approval", "busy")
        with pytest.raises(Exception, match=r"501|[Uu]nexpected|devhost does not serve"):
            await ask(client)

    lines = converse(tmp_path, talk)
    assert sum(f"devhost does not serve {what}: only a real host does" in line for line in lines) == 1


def test_waiting_for_completion_answers_with_output_or_links(tmp_path: Path) -> None:
    async def talk(client: Any, host: Devhost) -> None:
        request = func.HttpRequest("GET", "http://public.example/api/x", body=b"")
        await client.start_new("fan_out", "one", {"count": 4})
        await settled(client, "one")
        response = await client.wait_for_completion_or_create_check_status_response(request, "one")
        assert (response.status_code, response.get_body()) == (200, b"12")
        await client.start_new("greet", "text")
        response = await client.wait_for_completion_or_create_check_status_response(request, "text")
        assert response.get_body() == b"hello from version None"  # a text is sent as it is, unquoted
        await client.start_new("fragile", "failed", {"file": str(tmp_path / "tries"), "attempts": 2})
        response = await client.wait_for_completion_or_create_check_status_response(request, "failed")
        assert (response.status_code, json.loads(response.get_body())["runtimeStatus"]) == (500, "Failed")
        await client.start_new("approval", "busy")
        response = await client.wait_for_completion_or_create_check_status_response(request, "busy", 20, 10)
        assert response.status_code == 202
        links = json.loads(response.get_body())
        assert links["statusQueryGetUri"].startswith(
            "http://public.example/runtime/webhooks/durabletask/instances/busy?"
        )
        assert "rewindPostUri" in links
        await client.terminate("busy", "enough")
        response = await client.wait_for_completion_or_create_check_status_response(request, "busy")
        assert (response.status_code, json.loads(response.get_body())["runtimeStatus"]) == (200, "Terminated")


def test_links_without_a_request_point_at_the_host(tmp_path: Path) -> None:
    async def talk(client: Any, host: Devhost) -> None:
        links = client.create_http_management_payload("some id")
        assert links["id"] == "some id"
        assert links["statusQueryGetUri"].startswith(f"{host.url}/runtime/webhooks/durabletask/instances/some id?")

    converse(tmp_path, talk)
