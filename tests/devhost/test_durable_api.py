"""The durable HTTP API and the SDK's durable client, beyond what the transcripts of the real host show."""

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import httpx
import pytest

from local.devhost.http.management import WEBHOOK_PATH
from local.devhost.http.webhooks import CONTINUATION
from local.devhost.testing import RunningApp

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
Status = df.OrchestrationRuntimeStatus


@pytest.fixture
def api(sample: RunningApp) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sample.url + WEBHOOK_PATH) as client:
        yield client


@pytest.fixture
def client(sample: RunningApp) -> Any:
    """The SDK's client; its methods are for `sample.call`."""
    return df.DurableOrchestrationClient(sample.host.links.client_binding(sample.url))


def test_the_client_starts_follows_and_ends_instances(sample: RunningApp, client: Any) -> None:
    assert not sample.call(client.get_status("nobody"))
    assert sample.call(client.start_new("fan_out", "one", {"count": 2})) == "one"
    assert len(sample.call(client.start_new("fan_out"))) == 32
    sample.rest()
    status = sample.call(client.get_status("one", show_input=True, show_history=True, show_history_output=True))
    assert (status.name, status.output, status.custom_status) == ("fan_out", 2, {"stage": "done"})
    assert json.loads(status.input_) == {"count": 2}
    # The SDK keeps the wire's name for it and leaves its own attribute `history` empty.
    kinds = [event["EventType"] for event in status.historyEvents]
    assert kinds == ["ExecutionStarted", "TaskCompleted", "TaskCompleted", "ExecutionCompleted"]
    found = sample.call(client.get_status_by(instance_id_prefix="on"))
    assert [status.instance_id for status in found] == ["one"]
    assert sample.call(client.purge_instance_history("one")).instances_deleted == 1
    assert sample.call(client.purge_instance_history("one")).instances_deleted == 0
    assert len(sample.call(client.get_status_all())) == 1


def test_the_client_commands_instances_that_run(sample: RunningApp, client: Any) -> None:
    def status(instance_id: str) -> Any:
        sample.rest()
        return sample.call(client.get_status(instance_id))

    for instance_id in ("told", "ended"):
        sample.call(client.start_new("approval", instance_id))
    with pytest.raises(Exception, match="already exists"):
        sample.call(client.start_new("approval", "told"))
    sample.rest()
    sample.call(client.suspend("told", "a reason with spaces"))
    assert status("told").runtime_status == Status.Suspended
    sample.call(client.resume("told", "on"))
    assert status("told").runtime_status == Status.Running
    sample.call(client.raise_event("told", "decision", {"ok": True}))
    # Encoded twice by the client, decoded once for the orchestrator: a known trait of the SDK.
    assert status("told").output == '{"ok": true}'
    sample.call(client.terminate("ended", "enough & done"))
    assert (status("ended").runtime_status, status("ended").output) == (Status.Terminated, "enough & done")
    sample.call(client.terminate("ended", "again"))  # 410 is fine with the client
    for ask, refusal in (
        (client.raise_event("told", "decision", 1), "gone"),
        (client.raise_event("nobody", "decision", 1), "No instance"),
        (client.terminate("nobody", "x"), "nobody"),
    ):
        with pytest.raises(Exception, match=refusal):
            sample.call(ask)


def test_the_client_waits_for_completion_and_answers_with_the_output_or_links(sample: RunningApp, client: Any) -> None:
    request = func.HttpRequest("GET", "http://public.example/api/x", body=b"")
    answer = client.wait_for_completion_or_create_check_status_response
    sample.call(client.start_new("fan_out", "quick", {"count": 4}))
    response = sample.call(answer(request, "quick"))
    assert (response.status_code, response.get_body()) == (200, b"12")
    sample.call(client.start_new("approval", "slow"))
    response = sample.call(answer(request, "slow", 20, 10))
    links = json.loads(response.get_body())
    assert response.status_code == 202
    assert links["statusQueryGetUri"].startswith(f"http://public.example{WEBHOOK_PATH}instances/slow?")


def test_the_links_of_an_instance_lead_back_to_it(sample: RunningApp, api: httpx.Client, client: Any) -> None:
    links = api.post("orchestrators/greet/an+id%20two", content='{"a": 1}').json()
    sample.rest()
    status = api.get(links["statusQueryGetUri"]).json()
    assert (status["instanceId"], status["input"]) == ("an id two", {"a": 1})
    assert (status["output"], status["createdTime"]) == ("hello from version None", "2026-01-01T00:00:00Z")
    assert "taskHub=SampleHub&connection=Storage" in links["statusQueryGetUri"]
    assert client.create_http_management_payload("an+id+two")["statusQueryGetUri"] == links["statusQueryGetUri"]


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (lambda client: client.rewind("busy", "again"), "rewind"),
        (lambda client: client.restart("busy"), "restart"),
        (lambda client: client.start_new("fan_out", version="2.1"), "the parameter version"),
        (lambda client: client.get_status_by(runtime_status=[Status.Running]), "the parameter runtimeStatus"),
        (lambda client: client.get_status_by(created_time_to=LONG_AGO), "the parameter createdTimeTo"),
        (lambda client: client.purge_instance_history_by(created_time_from=LONG_AGO), "the parameter createdTimeFrom"),
        (lambda client: client.signal_entity(df.EntityId("Counter", "main"), "add", 1), "durable entities"),
        (lambda client: client.read_entity_state(df.EntityId("Counter", "main")), "durable entities"),
    ],
)
def test_what_devhost_leaves_out_fails_and_the_console_says_so(
    sample: RunningApp, client: Any, ask: Callable[[Any], Awaitable[Any]], what: str
) -> None:
    async def asked() -> None:
        await ask(client)

    before = len(sample.lines)
    with pytest.raises(Exception, match=r"501|[Uu]nexpected|devhost does not serve"):
        sample.call(asked())
    said = [line for line in sample.lines[before:] if "does not serve" in line]
    assert len(said) == 1
    assert f"devhost does not serve {what}: use the real host" in said[0]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "instances"),
        ("POST", "orchestrators/fan_out?timeout=60&pollingInterval=1"),
        ("POST", "orchestrators/fan_out?taskHub=Other"),
        ("GET", "entities"),
    ],
)
def test_what_no_client_asks_for_is_left_out_as_well(api: httpx.Client, method: str, path: str) -> None:
    answer = api.request(method, path)
    assert (answer.status_code, "devhost does not serve" in answer.json()["Message"]) == (501, True)


@pytest.mark.parametrize(("length", "code"), [(512, 202), (513, 500)])
def test_an_id_is_limited_to_what_fits_into_a_key(api: httpx.Client, length: int, code: int) -> None:
    assert api.post(f"orchestrators/greet/{'o' * length}").status_code == code


def test_numbers_and_texts_that_dotnet_cannot_hold_are_shown_as_it_shows_them(api: httpx.Client) -> None:
    api.post("orchestrators/approval/strange-input", content='{"nan": NaN, "far": -Infinity, "half": "\\ud83d"}')
    shown = api.get("instances/strange-input").json()["input"]
    assert shown == {"nan": "NaN", "far": "-Infinity", "half": "\ufffd"}


def test_every_id_can_be_paged_over(sample: RunningApp, api: httpx.Client) -> None:
    ids = ["odd-a", "odd-a ", "odd-b  ", "odd-x", "odd-é€"]
    for instance_id in ids:
        sample.start("approval", instance_id=instance_id)
    seen: list[str] = []
    token = ""
    for _ in ids:
        answer = api.get("instances?instanceIdPrefix=odd-&top=1", headers={CONTINUATION: token})
        seen += [row["instanceId"] for row in answer.json()]
        token = answer.headers.get(CONTINUATION, "")
    assert (seen, token) == (ids, "")
    answer = api.get("instances", headers={CONTINUATION: "odd-a"})
    assert (answer.status_code, answer.json(), CONTINUATION in answer.headers) == (200, [], False)


@pytest.mark.parametrize("top", ["", "99999999999999999999", "inf", "1.9"])
def test_a_list_has_100_instances_by_default(sample: RunningApp, api: httpx.Client, top: str) -> None:
    prefix = f"many-{top}-"

    async def start_many() -> None:
        for number in range(101):
            await sample.hub.start_orchestration("greet", instance_id=f"{prefix}{number:03}")

    sample.call(start_many())
    answer = api.get("instances", params={"instanceIdPrefix": prefix, "top": top})
    assert (len(answer.json()), answer.headers[CONTINUATION] != "") == (100, True)
