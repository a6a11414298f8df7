"""Many instances at once over the durable HTTP API: lists, their pages and filters, and purging by filter."""

from collections.abc import Callable

import httpx

from devhost.testing import RunningApp

LONG_AGO = "2020-01-01T00:00:00.000000Z"


def test_a_list_is_filtered_and_paged_by_the_continuation_header(app: RunningApp, api: httpx.Client) -> None:
    for number in range(5):
        app.result(app.start("fan_out", {"count": 1}, instance_id=f"page-{number}"))
    app.start("approval", instance_id="page-x")
    app.wait("page-x", lambda it: it.status == "Running")
    query = {"instanceIdPrefix": "page-", "runtimeStatus": "Completed,Failed", "top": "2", "showInput": "false"}
    seen: list[str] = []
    token, pages = "", 0
    while pages == 0 or token:
        headers = {"x-ms-continuation-token": token} if token else {}
        answer = api.get("instances/", params=query, headers=headers)
        assert answer.status_code == 200
        assert len(answer.json()) <= 2
        seen += [row["instanceId"] for row in answer.json()]
        assert not any("historyEvents" in row or row["input"] for row in answer.json())
        token, pages = answer.headers.get("x-ms-continuation-token", ""), pages + 1
    assert (sorted(seen), pages) == ([f"page-{number}" for number in range(5)], 3)
    mine = {"instanceIdPrefix": "page-"}
    assert len(api.get("instances", params=mine | {"createdTimeFrom": LONG_AGO}).json()) == 6
    assert api.get("instances", params=mine | {"createdTimeTo": LONG_AGO}).json() == []
    # As on the real host, a status in the wrong case is none, and then there is nothing to filter by.
    assert len(api.get("instances", params=mine | {"runtimeStatus": "completed"}).json()) == 6


def test_a_list_holds_100_unless_told_otherwise(app: RunningApp, api: httpx.Client) -> None:
    async def start_many() -> None:
        for number in range(101):
            await app.hub.start_orchestration("greet", instance_id=f"many-{number:03}")

    app.call(start_many())
    answer = api.get("instances?instanceIdPrefix=many-")
    assert len(answer.json()) == 100
    assert answer.headers["x-ms-continuation-token"]


def test_a_purge_by_filter_takes_only_ended_instances(api: httpx.Client, bring: Callable[[str], str]) -> None:
    kept, gone = bring("running"), bring("failed")
    answer = api.delete("instances?runtimeStatus=Failed")
    assert (answer.status_code, answer.json()) == (400, "Please provide value for 'createdTimeFrom' parameter.")
    query = {"createdTimeFrom": "1-01-01T00:00:00.000000Z", "runtimeStatus": "Failed,Running"}
    answer = api.delete("instances", params=query)
    assert answer.status_code == 200
    assert answer.json()["instancesDeleted"] >= 1
    assert api.get(f"instances/{gone}").status_code == 404
    assert api.get(f"instances/{kept}").status_code == 202
    assert api.delete("instances", params=query).status_code == 404
