"""Many instances at once over the durable HTTP API: lists, their pages and filters, and purging by filter."""

from base64 import b64decode
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
    for status, count in {"completed": 5, "1": 5, "Nothing": 6, "": 6, "running , FAILED": 1}.items():
        assert len(api.get("instances", params=mine | {"runtimeStatus": status}).json()) == count
    assert len(api.get("instances?instanceIdPrefix=page-&runtimeStatus=Failed&runtimeStatus=Running").json()) == 1
    assert api.get("instances", params=mine | {"taskHub": "Other"}).json() == []


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
    for wrong in ("garbage", "odd-a"):
        answer = api.get("instances", headers={CONTINUATION: wrong})
        assert (answer.status_code, answer.json(), CONTINUATION in answer.headers) == (200, [], False)


def test_a_page_of_nothing_names_the_first_instance_as_the_next(app: RunningApp, api: httpx.Client) -> None:
    """Source: api-general.json, case "list ?top=0"."""
    app.start("approval", instance_id="zero")
    answer = api.get("instances?instanceIdPrefix=zero&top=0")
    assert (answer.json(), b64decode(answer.headers[CONTINUATION])) == ([], b"zero")


@pytest.mark.parametrize("top", ["99999999999999999999", "inf", "nan", "1.9", "many"])
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


@pytest.mark.parametrize(
    ("statuses", "gone"),
    [
        ("Completed", {"completed"}),
        ("Failed,Terminated", {"failed", "terminated"}),
        ("Completed,Running", {"completed"}),
        ("Running", {"completed", "failed", "terminated", "running", "suspended"}),
        ("Suspended", {"completed", "failed", "terminated", "running", "suspended"}),
        ("", {"completed", "failed", "terminated", "running", "suspended"}),
    ],
)
def test_a_purge_that_names_no_ended_status_takes_every_instance(
    api: httpx.Client, bring: Callable[[str], str], statuses: str, gone: set[str]
) -> None:
    """Source: row 2 of real-host.md section 1, api-more.json."""
    ids = {status: bring(status) for status in ("completed", "failed", "terminated", "running", "suspended")}
    query = {"createdTimeFrom": "1-01-01T00:00:00.000000Z", "runtimeStatus": statuses, "instanceIdPrefix": "no such"}
    answer = api.delete("instances", params=query)
    assert answer.status_code == 200
    assert answer.json()["instancesDeleted"] >= len(gone)
    assert {status for status, it in ids.items() if api.get(f"instances/{it}").status_code == 404} == gone
    events = [api.post(f"instances/{ids[status]}/raiseEvent/decision", json=1).status_code for status in gone]
    assert set(events) == {404}
    assert api.delete("instances", params=query).status_code == 404


@pytest.mark.parametrize("query", ["runtimeStatus=Failed", "createdTimeFrom=garbage", "createdTimeTo=2100-01-01"])
def test_a_purge_asks_for_the_beginning_of_its_time_range(api: httpx.Client, query: str) -> None:
    answer = api.delete(f"instances?{query}")
    assert (answer.status_code, answer.json()) == (400, "Please provide value for 'createdTimeFrom' parameter.")
