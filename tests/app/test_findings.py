"""Failures and rejects by reason: each counts once over all pages; payloads appear only on request."""

import json
from typing import Any

import azure.functions as func
import pytest

from clients.get_ledger import get_failures, get_rejected
from clients.query import token_of
from clients.shapes import Rejected
from ingestion.contracts import Chunk, EnqueueRequest
from ingestion.run import findings
from ingestion.sending.reject import write_rejects
from tests.app.kept import Kept

LARGE, BAD = "the message is too large", "the message is no text that XML can hold"


async def rejected(kept: Kept, chunk: int, reasons: dict[int, str], lines: list[bytes] | None = None) -> None:
    run = kept.ledger().run
    request = EnqueueRequest(run=run, source="demo", chunk=Chunk(chunk, "aa"))
    await write_rejects(kept.container, request, lines or [b'"x"\n'] * 10, reasons)


async def asked(kept: Kept, **params: str) -> tuple[int, Any]:
    route = {"run_id": "run"}
    request = func.HttpRequest("GET", "/api/runs/run/rejected", params=params, route_params=route, body=b"")
    answer = await get_rejected._function.get_user_function().client_function(req=request, client=kept.engine)
    return answer.status_code, json.loads(answer.get_body())


async def test_rejects_are_grouped_by_reason_with_the_first_examples_and_no_payload(kept: Kept) -> None:
    await kept.begun()
    await rejected(kept, 0, {1: LARGE, 2: LARGE})
    await rejected(kept, 7, {3: LARGE, 4: LARGE, 5: BAD})
    _, page = await asked(kept)
    Rejected.model_validate(page, strict=True)
    large, bad = page["groups"]
    assert [(one["reason"], one["count"]) for one in (large, bad)] == [(LARGE, 4), (BAD, 1)]
    assert [(one["chunk"], one["index"]) for one in large["examples"]] == [(0, 1), (0, 2), (7, 3)]
    assert bad["examples"][0]["key"].endswith("/7/5")
    assert "payload" not in bad["examples"][0]
    assert (await asked(kept, examples="0"))[1]["groups"][0]["examples"] == []


async def test_a_requested_payload_is_the_source_s_text_digit_for_digit(kept: Kept) -> None:
    await kept.begun()
    lines = [b'{"n": 1.10, "reason": "\\u0001"}\n', f'"{"x" * 9_000}"\n'.encode()]
    await rejected(kept, 0, {0: BAD, 1: LARGE}, lines)
    _, page = await asked(kept, payload="true")
    shown = {group["reason"]: group["examples"][0]["payload"] for group in page["groups"]}
    assert shown[BAD] == '{"n": 1.10, "reason": "\\u0001"}'
    assert shown[LARGE] == f'"{"x" * (findings.TEXT_CHARACTERS - 1)}'


async def test_the_pages_of_the_rejects_give_each_of_them_once(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "MOST_BLOBS", 2)
    await kept.begun()
    for chunk in range(5):
        await rejected(kept, chunk, {0: BAD})
    after, chunks, pages = dict[str, str](), list[int](), 0
    while True:
        _, page = await asked(kept, **after)
        chunks += [one["chunk"] for group in page["groups"] for one in group["examples"]]
        assert sum(group["count"] for group in page["groups"]) <= 2
        pages += 1
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert (chunks, pages) == ([0, 1, 2, 3, 4], 3)


@pytest.mark.parametrize(
    ("params", "field"),
    [({"examples": "21"}, "examples"), ({"payload": "yes"}, "payload"), ({"after": "WyJydW5zIiwieCJd"}, "after")],
)
async def test_what_cannot_be_asked_is_refused_with_its_field(kept: Kept, params: dict[str, str], field: str) -> None:
    await kept.begun()
    status, problem = await asked(kept, **params)
    assert (status, problem["field"]) == (400, field)


async def test_a_run_that_is_not_there_has_no_rejects(kept: Kept) -> None:
    assert (await asked(kept))[0] == 404


@pytest.mark.parametrize("place", ["9" * 5_000, "\u0663", "-1", "x"])
async def test_a_place_that_is_no_number_of_a_reason_is_no_token(kept: Kept, place: str) -> None:
    await kept.begun()
    route, params = {"run_id": "run"}, {"after": token_of("failures", place)}
    request = func.HttpRequest("GET", "/api/runs/run/failures", params=params, route_params=route, body=b"")
    answer = await get_failures._function.get_user_function().client_function(req=request, client=kept.engine)
    assert (answer.status_code, json.loads(answer.get_body())["field"]) == (400, "after")
