"""No function both reads and changes, so the key of a function that reads cannot change anything."""

import json
from typing import Any

import azure.functions as func
import pytest

import function_app
from ingestion.run import run_index, timeline
from tests.app.kept import FRESH, UNDER_WAY, Kept, at_work
from tests.app_host import ROOT


def functions_that_read() -> dict[str, Any]:
    """Return the functions for GET that read storage, by name."""
    builders: list[Any] = [each for module in function_app.CLIENTS for each in module.blueprint._function_builders]
    functions = [each._function for each in builders]
    return {
        it.get_function_name(): it.get_user_function()
        for it in functions
        if [method.name for method in it.get_trigger().methods] == ["GET"]
    }


@pytest.mark.parametrize("name", sorted(functions_that_read()))
async def test_a_function_that_answers_get_only_reads_storage(
    kept: Kept, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_SOURCES", str(ROOT / "local" / "demo" / "sources.toml"))
    await kept.begun()
    await run_index.enter(kept.container, UNDER_WAY)
    await timeline.begin(kept.container, FRESH.run, timeline.event("started", "the run begins"))
    kept.engine.has("Running", **at_work())
    sent, send = list[str](), kept.connection.send

    async def noting(request: Any, **options: Any) -> Any:
        sent.append(request.method)
        return await send(request, **options)

    monkeypatch.setattr(kept.connection, "send", noting)
    route = {"run_id": "run", "name": "demo"}
    request = func.HttpRequest("GET", "/api", route_params=route, body=b"")
    function = functions_that_read()[name]
    is_durable = hasattr(function, "client_function")
    answer = await (function.client_function(req=request, client=kept.engine) if is_durable else function(request))
    status = 404 if name in ("get_report", "get_watermark") else 200
    assert answer.status_code == status, json.loads(answer.get_body())
    assert {*sent} <= {"GET", "HEAD"}
    assert kept.engine.starts == []
