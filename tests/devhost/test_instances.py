"""Many instances at once over the durable HTTP API: lists, their pages and filters, and purging by filter."""

from collections.abc import Callable

import httpx
import pytest

from devhost.testing import RunningApp
from devhost.webhooks import CONTINUATION

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
        headers = {CONTINUATION: token} if token else {}
        answer = api.get("instances/", params=query, headers=headers)
        assert answer.status_code == 200
        assert len(answer.json()) <= 2
        seen += [row["instanceId"] for row in answer.json()]
        assert not any("historyEvents" in row or row["input"] for row in answer.json())
        token, pages = answer.headers.get(CONTINUATION, ""), pages + 1
    assert (sorted(seen), pages) == ([f"page-{number}" for number in range(5)], 3)
    mine = {"instanceIdPrefix": "page-"}
    assert len(api.get("instances", params=mine | {"createdTimeFrom": LONG_AGO}).json()) == 6
    assert api.get("instances", params=mine | {"createdTimeTo": LONG_AGO}).json() == []
    # As on the real host, a status in the wrong case is none, and then there is nothing to filter by.
    assert len(api.get("instances", params=mine | {"runtimeStatus": "completed"}).json()) == 6


def test_every_id_can_be_paged_over(app: RunningApp, api: httpx.Client) -> None:
    ids = ["odd-a", "odd-a ", "odd-b  ", "odd-x", "odd-é€"]
    for instance_id in ids:
        app.start("approval", instance_id=instance_id)
    seen: list[str] = []
    token = ""
    for _ in ids:
        answer = api.get("instances?instanceIdPrefix=odd-&top=1", headers={CONTINUATION: token})
        seen += [row["instanceId"] for row in answer.json()]
        token = answer.headers.get(CONTINUATION, "")
    assert (seen, token) == (ids, "")
    assert api.get("instances", headers={CONTINUATION: "odd-a"}).status_code == 400


@pytest.mark.parametrize("top", ["99999999999999999999", "inf", "nan", "1.9", "-5", "0", "many"])
def test_a_top_that_is_no_number_of_rows_counts_as_not_given(app: RunningApp, api: httpx.Client, top: str) -> None:
    for number in range(2):
        app.result(app.start("fan_out", {"count": 1}, instance_id=f"top-{number}"))
    assert len(api.get("instances", params={"instanceIdPrefix": "top-", "top": top}).json()) == 2


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "yesterday"])
def test_a_time_that_cannot_be_read_counts_as_not_given(app: RunningApp, api: httpx.Client, moment: str) -> None:
    app.result(app.start("fan_out", {"count": 1}, instance_id="moment"))
    query = {"instanceIdPrefix": "moment", "createdTimeFrom": moment, "createdTimeTo": moment}
    assert len(api.get("instances", params=query).json()) == 1


def test_a_list_holds_100_unless_told_otherwise(app: RunningApp, api: httpx.Client) -> None:
    async def start_many() -> None:
        for number in range(101):
            await app.hub.start_orchestration("greet", instance_id=f"many-{number:03}")

    app.call(start_many())
    answer = api.get("instances?instanceIdPrefix=many-")
    assert len(answer.json()) == 100
    assert answer.headers[CONTINUATION]


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
