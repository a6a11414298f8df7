"""Many instances at once over the durable HTTP API: lists and their pages."""

from base64 import b64decode

import httpx
import pytest

from local.devhost.http.webhooks import CONTINUATION
from local.devhost.testing import RunningApp


def test_a_list_is_filtered_and_paged_by_the_continuation_header(app: RunningApp, api: httpx.Client) -> None:
    for number in range(5):
        app.result(app.start("fan_out", {"count": 1}, instance_id=f"page-{number}"))
    query = {"instanceIdPrefix": "page-", "top": "2", "showInput": "false"}
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
    assert api.get("instances?instanceIdPrefix=page-&taskHub=Other").status_code == 501


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


def test_a_list_holds_100_unless_told_otherwise(app: RunningApp, api: httpx.Client) -> None:
    async def start_many() -> None:
        for number in range(101):
            await app.hub.start_orchestration("greet", instance_id=f"many-{number:03}")

    app.call(start_many())
    answer = api.get("instances?instanceIdPrefix=many-")
    assert len(answer.json()) == 100
    assert answer.headers[CONTINUATION]


@pytest.mark.parametrize("query", ["", "?createdTimeFrom=2000-01-01", "?runtimeStatus=Completed"])
def test_a_purge_by_filter_is_refused_and_takes_nothing(app: RunningApp, api: httpx.Client, query: str) -> None:
    app.result(app.start("fan_out", {"count": 1}, instance_id="kept"))
    answer = api.delete(f"instances{query}")
    assert (answer.status_code, "devhost does not serve" in answer.json()["Message"]) == (501, True)
    assert api.get("instances/kept").status_code == 200
