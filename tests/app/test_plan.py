"""POST /api/plan: it shows two pages and the problems of a run, and leaves nothing behind."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from clients.shapes import PlanAnswer
from local.emulator import Azurite
from tests.app_host import sluice
from tests.e2e.small_api import SmallApi

Planned = Callable[..., httpx.Response]
CURSOR = 'pagination = { style = "cursor", read = "next", send = "cursor" }'
BY_PAGE = 'pagination = { style = "page_number", send = "page" }'


class World:
    """A small API, one source that describes it, and the app."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, azurite: Azurite, name: str) -> None:
        self.monkeypatch, self.folder, self.azurite, self.name = monkeypatch, folder, azurite, name
        self.api = SmallApi()

    @contextmanager
    def planning(self, table: str, **settings: str) -> Iterator[Planned]:
        """Return a function that requests a plan of the source `shop`; `table` is its description without the url."""
        file = self.folder / "sources.toml"
        own: dict[str, Any] = {"AzureWebJobsStorage": self.azurite.connection_string, "SLUICE_QUEUE": self.name}
        own |= {"SLUICE_CONTAINER": self.name, "SLUICE_SOURCES": str(file), "SHOP_KEY": "open-sesame", **settings}
        with self.api.served() as url, sluice(self.monkeypatch, self.folder, **own) as (_, http):
            text = table if "items" in table else f'items = "items"\nmessage = "id"\n{table}'
            file.write_text(f'[shop]\nurl = "{url}/orders"\n{text}\n')
            http.timeout = httpx.Timeout(60)
            yield lambda **body: http.post("/api/plan", json={"source": "shop", **body})

    def plan(self, table: str, **settings: str) -> dict[str, Any]:
        """Return the answer to a request for a plan; lower-case names go into its body."""
        body = {name.rstrip("_"): settings.pop(name) for name in list(settings) if name.islower()}
        with self.planning(table, **settings) as planned:
            answer = planned(**body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        PlanAnswer.model_validate(found)
        return found

    def fields(self, table: str, **settings: str) -> list[str]:
        """Return the fields of the problems, without the place of the table."""
        problems = self.plan(table, **settings)["problems"]
        return [problem["field"].removeprefix("sources.toml: shop.") for problem in problems]

    def left_behind(self) -> list[str]:
        """Return everything in storage under the name of the test."""
        text = self.azurite.connection_string
        with (
            BlobServiceClient.from_connection_string(text) as blobs,
            QueueServiceClient.from_connection_string(text) as queues,
        ):
            containers = [each.name for each in blobs.list_containers(name_starts_with=self.name)]
            return containers + [each.name for each in queues.list_queues(name_starts_with=self.name)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, azurite: Azurite, queue_name: str) -> World:
    return World(monkeypatch, tmp_path, azurite, queue_name)


def by_cursor(last: int = 50, size: int = 10, **facts: Any) -> Callable[[str, dict[str, str]], tuple[int, Any]]:
    """Ids from 0, by a cursor."""

    def answer(path: str, query: dict[str, str]) -> tuple[int, Any]:
        start = int(query.get("cursor", 0))
        stop = min(start + size, last)
        items = [{"id": f"order-{number}"} for number in range(start, stop)]
        return 200, {"items": items, "next": stop if stop < last else None, **facts}

    return answer


def test_a_plan_shows_the_first_messages_as_they_would_be_sent_and_what_leads_on(world: World) -> None:
    world.api.answer = by_cursor(total=50)
    plan = world.plan(f'total = "total"\n{CURSOR}', SLUICE_MESSAGE_FORMAT="envelope")
    assert [message["key"] for message in plan["items"]] == [f"{{run}}/{{start}}/0/{index}" for index in range(3)]
    first = plan["items"][0]
    assert json.loads(first["text"]) == {
        "run": "{run}",
        "source": "shop",
        "key": "{run}/{start}/0/0",
        "id": "order-0",
    }
    assert base64.b64decode(first["sent"]).decode() == first["text"]
    assert first["bytes"] == len(first["sent"])
    assert (plan["pages_read"], plan["page_items"], plan["total"], plan["next"]) == (2, 10, 50, "cursor = 10")
    assert plan["end"] == "a page without a cursor at next"
    assert plan["problems"] == []
    expect = plan["expect"]
    assert (expect["items"], expect["pages"]) == (50, 5)
    assert expect["transactions"]["queue"] == 52
    assert 0 < expect["seconds"] < 30
    assert "the source's own total" in expect["rests_on"]


def test_a_plan_reads_two_pages_and_leaves_nothing_behind(world: World) -> None:
    world.api.answer = by_cursor()
    world.plan(f"{CURSOR}\nparallel_fetches = 8")
    assert len(world.api.asked) == 2
    assert world.left_behind() == []


def by_page(path: str, query: dict[str, str]) -> tuple[int, Any]:
    """50 ids by page number, ten on a page, with their total."""
    first = 10 * (int(query["page"]) - 1)
    return 200, {"items": [{"id": f"order-{number}"} for number in range(first, min(first + 10, 50))], "total": 50}


def test_a_plan_counts_on_the_parallel_fetches_of_a_run_and_makes_none_itself(world: World) -> None:
    world.api.answer = by_page
    expect = world.plan(f'total = "total"\n{BY_PAGE}\nparallel_fetches = 4')["expect"]
    assert " s a page, 4 at once; " in expect["rests_on"]
    assert len(world.api.asked) == 2


def test_a_plan_of_packs_counts_packs(world: World) -> None:
    world.api.answer = by_cursor(last=10)
    plan = world.plan(CURSOR, SLUICE_MESSAGE_FORMAT="packed", SLUICE_PACK_MESSAGES="4")
    assert [message["messages"] for message in plan["items"]] == [4, 4, 2]
    assert plan["expect"]["transactions"]["queue"] == 3 + 2


def test_a_source_that_ends_within_two_pages_is_known_whole(world: World) -> None:
    world.api.answer = by_cursor(last=15)
    plan = world.plan(CURSOR)
    assert (plan["expect"]["items"], plan["expect"]["pages"]) == (15, 2)
    assert plan["end"].startswith("no cursor at next")


def test_a_source_without_a_total_has_an_unknown_size(world: World) -> None:
    world.api.answer = by_cursor()
    expect = world.plan(CURSOR)["expect"]
    assert (expect["items"], expect["seconds"], expect["transactions"]) == (None, None, None)
    assert "does not say" in expect["rests_on"]


def test_a_plan_takes_what_a_start_takes_and_refuses_what_a_start_refuses(world: World) -> None:
    world.api.answer = by_cursor()
    with world.planning(CURSOR) as planned:
        assert planned(run_id="mine", chunk_size=5, tolerated_failures="1%", total_is_exact=True).status_code == 200
        asked = len(world.api.asked)
        refused = [
            planned(chunk_size=0),
            planned(source="other"),
            planned(url="http://x"),
            planned(parameters={"a": "b"}),
        ]
        assert [answer.status_code for answer in refused] == [400, 404, 400, 400]
        assert len(world.api.asked) == asked


BIG = "x" * 50_000


@pytest.mark.parametrize(
    ("field", "table", "answer"),
    [
        pytest.param("auth", CURSOR, lambda path, query: (401, {"error": "expired"}), id="expired credentials"),
        pytest.param("auth", CURSOR, lambda path, query: (403, {"error": "no"}), id="refused credentials"),
        pytest.param("url", CURSOR, lambda path, query: (404, {"error": "no"}), id="wrong address"),
        pytest.param("items", CURSOR, lambda path, query: (200, {"data": [{"id": 1}]}), id="wrong items path"),
        pytest.param("items", BY_PAGE, lambda path, query: (200, {"items": []}), id="no items"),
        pytest.param("message", CURSOR, lambda path, query: (200, {"items": [{"ID": 1}]}), id="wrong message path"),
        pytest.param("message", CURSOR, lambda path, query: (200, {"items": [{"id": None}], "next": None}), id="null"),
        pytest.param("pagination", BY_PAGE, lambda path, query: (200, {"items": [{"id": 1}]}), id="page 1 again"),
        pytest.param(
            "pagination", CURSOR, lambda path, query: (200, {"items": [{"id": f"{query}"}], "next": "a"}),
            id="a cursor that leads to itself",
        ),
        pytest.param("pagination", CURSOR, lambda path, query: (200, {"items": [{"id": 1}]}), id="no cursor at all"),
        pytest.param(
            "pagination", 'pagination = { style = "page_number", end = { more = "has_more" } }',
            lambda path, query: (200, {"items": [{"id": 1}], "rate_limits": {"left": 3}}), id="no flag",
        ),
        pytest.param(
            "total", f'total = "total"\n{CURSOR}', by_cursor(total=3), id="a total below the items of a page"
        ),
        pytest.param("total", f'total = "meta.total_count"\n{CURSOR}', by_cursor(), id="nothing at total"),
        pytest.param(
            "total", f'total = "meta.total_count"\n{CURSOR}', lambda path, query: (200, {"items": [{"id": 1}]}),
            id="nothing at total, on the only page",
        ),
        pytest.param(
            "SLUICE_MESSAGE_ENCODING", CURSOR, lambda path, query: (200, {"items": [{"id": BIG}], "next": None}),
            id="too large for base64",
        ),
    ],
)  # fmt: skip
def test_a_plan_names_the_key_of_what_cannot_work(world: World, field: str, table: str, answer: Any) -> None:
    world.api.answer = answer
    assert world.fields(table) == [field]


def test_a_total_that_only_the_first_page_gives_is_no_problem(world: World) -> None:
    pages = by_cursor()
    world.api.answer = lambda path, query: (200, pages(path, query)[1] | ({} if query else {"total": 50}))
    assert world.fields(f'total = "total"\n{CURSOR}') == []


def test_a_message_that_fits_without_base64_is_no_problem_there(world: World) -> None:
    world.api.answer = lambda path, query: (200, {"items": [{"id": BIG}], "next": None})
    assert world.fields(CURSOR, SLUICE_MESSAGE_ENCODING="none") == []


def test_a_rate_that_the_queues_cannot_take_is_a_problem(world: World) -> None:
    world.api.answer = by_cursor()
    name = "SLUICE_MAX_MESSAGES_PER_SECOND"
    assert world.fields(CURSOR, **{name: "2001"}) == [name]
    assert world.fields(CURSOR, **{name: "2001", "SLUICE_QUEUES": f"{world.name}-a,{world.name}-b"}) == []


def test_a_plan_reports_a_source_that_asks_to_wait_and_does_not_wait(world: World) -> None:
    world.api.answer = lambda path, query: (429, {})
    plan = world.plan(f"{CURSOR}\nthrottle = {{ penalty_seconds = 600 }}")
    assert (plan["pages_read"], plan["items"], plan["expect"]["items"]) == (0, [], None)
    assert "600" in plan["problems"][0]["message"]


def test_a_second_page_that_does_not_come_is_a_problem_beside_what_the_first_one_shows(world: World) -> None:
    pages = by_cursor(total=50)
    world.api.answer = lambda path, query: (503, {}) if "cursor" in query else pages(path, query)
    plan = world.plan(f'total = "total"\n{CURSOR}')
    assert (plan["pages_read"], plan["expect"]["items"]) == (1, 50)
    [problem] = plan["problems"]
    assert problem["field"] == "sources.toml: shop.url"
    assert problem["message"].startswith("page 2 did not come: HTTP 503")


def test_no_answer_shows_a_token_that_a_source_carries_from_run_to_run(world: World) -> None:
    def answer(path: str, query: dict[str, str]) -> tuple[int, Any]:
        at = query.get("sync", "t0ken-of-page-1")
        return 200, {"items": [{"id": at[-1]}], "next": f"?sync=t0ken-of-page-{int(at[-1]) + 1}"}

    world.api.answer = answer
    table = (
        'query = { sync = "{from}" }\npagination = { style = "next_url" }\n'
        'incremental = { carry = "token", read = "delta" }'
    )
    plan = world.plan(table)
    assert (plan["pages_read"], plan["problems"]) == (2, [])
    assert plan["next"] == "the address that the page gives, with sync"
    assert "t0ken" not in json.dumps(plan)


def test_no_answer_shows_a_secret(world: World) -> None:
    def answer(path: str, query: dict[str, str]) -> tuple[int, Any]:
        return 200, {"items": [{"id": "order open-sesame"}], "next": f"x{len(query)}-open-sesame"}

    world.api.answer = answer
    table = f'{CURSOR}\nauth = {{ kind = "api_key", key = "SHOP_KEY", query = "key" }}'
    plan = json.dumps(world.plan(table))
    assert "open-sesame" not in plan
    assert "***" in plan
    assert base64.b64encode(b"order open-sesame").decode() not in plan
    world.api.answer = lambda path, query: (401, {"error": "open-sesame is no key"})
    assert "open-sesame" not in json.dumps(world.plan(table))


def test_a_plan_of_an_incremental_source_begins_where_the_next_run_would(world: World) -> None:
    world.api.answer = lambda path, query: (200, {"items": [{"id": 7, "at": query["since"]}]})
    table = (
        'query = { since = "{from}" }\npagination = { style = "none" }\n'
        'incremental = { carry = "value", key = "at", start = 2026-01-01T00:00:00Z }'
    )
    assert world.plan(table)["problems"] == []
    assert "since=2026-01-01" in world.api.asked[-1]
    assert world.plan(table, from_="2026-02-01")["problems"] == []
    assert "since=2026-02-01" in world.api.asked[-1]
    assert world.left_behind() == []
