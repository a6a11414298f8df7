"""The durable HTTP API of a live host, row by row."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from local.devhost.http.management import WEBHOOK_PATH
from local.devhost.testing import RunningApp

JSON: dict[str, Any] = {"content": '{"k": 1}', "headers": {"Content-Type": "application/json"}}
TEXT: dict[str, Any] = {"content": '{"k": 1}', "headers": {"Content-Type": "text/plain"}}
BROKEN: dict[str, Any] = {"content": "{no json", "headers": {"Content-Type": "application/json"}}


@pytest.mark.parametrize(
    ("status", "method", "path", "sent", "code", "after"),
    [
        ("none", "POST", "orchestrators/approval/{id}", {}, 202, "Running"),
        ("none", "POST", "Orchestrators/FAN_OUT/{id}", JSON, 202, "Completed"),
        ("none", "POST", "orchestrators/unheard_of/{id}", JSON, 202, "Failed"),
        ("none", "POST", "orchestrators/double/{id}", JSON, 202, "Failed"),
        ("none", "POST", "orchestrators/fan_out/{id}?connection=Storage&taskHub=samplehub", JSON, 202, "Completed"),
        ("none", "POST", "orchestrators/fan_out/{id}?taskHub=Other", JSON, 501, None),
        ("none", "POST", "orchestrators/fan_out/{id}?connection=Other", JSON, 500, None),
        ("none", "POST", "orchestrators/fan_out/{id}", BROKEN, 400, None),
        ("none", "GET", "orchestrators/fan_out/{id}", {}, 404, None),
        ("none", "POST", "orchestrators", {}, 404, None),
        ("pending", "POST", "orchestrators/fan_out/{id}", JSON, 409, "Pending"),
        ("running", "POST", "orchestrators/fan_out/{id}", JSON, 409, "Running"),
        ("suspended", "POST", "orchestrators/fan_out/{id}", JSON, 409, "Suspended"),
        ("completed", "POST", "orchestrators/approval/{id}", JSON, 202, "Running"),
        ("failed", "POST", "orchestrators/approval/{id}", JSON, 202, "Running"),
        ("terminated", "POST", "orchestrators/approval/{id}", JSON, 202, "Running"),
        ("pending", "GET", "instances/{id}", {}, 202, "Pending"),
        ("running", "GET", "instances/{id}", {}, 202, "Running"),
        ("suspended", "GET", "instances/{id}", {}, 202, "Suspended"),
        ("completed", "GET", "instances/{id}", {}, 200, "Completed"),
        ("terminated", "GET", "instances/{id}", {}, 200, "Terminated"),
        ("failed", "GET", "instances/{id}", {}, 200, "Failed"),
        ("failed", "GET", "instances/{id}?returnInternalServerErrorOnFailure=true", {}, 500, "Failed"),
        ("none", "GET", "instances/{id}", {}, 404, None),
        ("running", "PUT", "instances/{id}", {}, 404, "Running"),
        ("running", "HEAD", "instances/{id}", {}, 404, "Running"),
        ("none", "PUT", "instances", {}, 404, None),
        ("completed", "DELETE", "instances/{id}", {}, 200, None),
        ("failed", "DELETE", "instances/{id}", {}, 200, None),
        ("terminated", "DELETE", "instances/{id}", {}, 200, None),
        ("running", "DELETE", "instances/{id}", {}, 412, "Running"),
        ("suspended", "DELETE", "instances/{id}", {}, 412, "Suspended"),
        ("none", "DELETE", "instances/{id}", {}, 404, None),
        ("running", "POST", "instances/{id}/raiseEvent/decision", JSON, 202, "Completed"),
        ("running", "POST", "instances/{id}/RAISEEVENT/decision", JSON, 202, "Completed"),
        ("running", "POST", "instances/{id}/raiseEvent/another", JSON, 202, "Running"),
        ("running", "POST", "instances/{id}/raiseEvent/decision", TEXT, 400, "Running"),
        ("running", "POST", "instances/{id}/raiseEvent/decision", BROKEN, 400, "Running"),
        ("running", "POST", "instances/{id}/raiseEvent/a%2Fb", JSON, 404, "Running"),
        ("running", "POST", "instances/{id}/raiseEvent", JSON, 404, "Running"),
        ("suspended", "POST", "instances/{id}/raiseEvent/decision", JSON, 202, "Suspended"),
        ("pending", "POST", "instances/{id}/raiseEvent/decision", JSON, 202, "Pending"),
        ("completed", "POST", "instances/{id}/raiseEvent/decision", BROKEN, 410, "Completed"),
        ("none", "POST", "instances/{id}/raiseEvent/decision", JSON, 404, None),
        ("running", "POST", "instances/{id}/terminate?reason=x", {}, 202, "Terminated"),
        ("pending", "POST", "instances/{id}/terminate?reason=x", {}, 202, "Pending"),
        ("pending", "POST", "instances/{id}/suspend?reason=x", {}, 202, "Pending"),
        ("suspended", "POST", "instances/{id}/terminate", {}, 202, "Terminated"),
        ("completed", "POST", "instances/{id}/terminate", {}, 410, "Completed"),
        ("none", "POST", "instances/{id}/terminate", {}, 404, None),
        ("running", "POST", "instances/{id}/suspend?reason=x", {}, 202, "Suspended"),
        ("suspended", "POST", "instances/{id}/suspend", {}, 500, "Suspended"),
        ("failed", "POST", "instances/{id}/suspend", {}, 410, "Failed"),
        ("none", "POST", "instances/{id}/suspend", {}, 404, None),
        ("suspended", "POST", "instances/{id}/resume?reason=x", {}, 202, "Running"),
        ("running", "POST", "instances/{id}/resume", {}, 500, "Running"),
        ("terminated", "POST", "instances/{id}/resume", {}, 410, "Terminated"),
        ("none", "POST", "instances/{id}/resume", {}, 404, None),
        ("failed", "POST", "instances/{id}/rewind?reason=x", {}, 501, "Failed"),
        ("completed", "POST", "instances/{id}/Restart?restartWithNewInstanceId=false", {}, 501, "Completed"),
        ("none", "POST", "orchestrators/fan_out/{id}?timeout=60&pollingInterval=1", JSON, 501, None),
        ("none", "POST", "orchestrators/fan_out/{id}?version=1.2", JSON, 501, None),
        ("running", "GET", "instances/{id}/terminate", {}, 404, "Running"),
        ("running", "POST", "instances/{id}/unknown", {}, 404, "Running"),
        ("none", "GET", "elsewhere", {}, 404, None),
        ("running", "GET", "instances/{id}?taskHub=Other", {}, 501, "Running"),
        ("none", "POST", "entities/counter/{id}?op=add", JSON, 501, None),
        ("none", "GET", "entities/counter/{id}", {}, 501, None),
        ("none", "GET", "entities", {}, 501, None),
    ],
)
def test_each_route_answers_with_its_code_and_does_what_it_says(
    app: RunningApp,
    api: httpx.Client,
    bring: Callable[[str], str],
    status: str,
    method: str,
    path: str,
    sent: dict[str, Any],
    code: int,
    after: str | None,
) -> None:
    instance_id = bring(status)
    answer = api.request(method, path.format(id=instance_id), **sent)
    assert answer.status_code == code
    if code == 412:
        assert status.capitalize() in answer.json()
    if code in (404, 410) or (code == 202 and "instances" in path and method == "POST"):
        assert answer.content == b""
    if after is None:
        assert app.call(app.hub.get(instance_id)) is None
    else:
        assert app.wait(instance_id, lambda it: it.status == after).instance_id == instance_id


@pytest.mark.parametrize(
    ("status", "method", "path", "sent", "message", "exception_message", "exception_type"),
    [
        (
            "running",
            "POST",
            "orchestrators/fan_out/{id}",
            JSON,
            "An Orchestration instance with the status Running already exists.",
            None,
            None,
        ),
        (
            "running",
            "POST",
            "instances/{id}/resume",
            {},
            "Something went wrong while processing your request",
            "Cannot resume the orchestration instance {id} because instance is in the Running state.",
            "System.InvalidOperationException",
        ),
        (
            "suspended",
            "POST",
            "instances/{id}/suspend",
            {},
            "Something went wrong while processing your request",
            "Cannot suspend the orchestration instance {id} because instance is in the Suspended state.",
            "System.InvalidOperationException",
        ),
        (
            "none",
            "GET",
            "instances?connection=Other",
            {},
            "Something went wrong while processing your request",
            "Unable to resolve the Azure Storage connection named 'Other'.",
            "System.InvalidOperationException",
        ),
        (
            "none",
            "GET",
            "instances?top=-1",
            {},
            "Something went wrong while processing your request",
            "An error occurred while communicating with Azure Storage",
            "DurableTask.AzureStorage.Storage.DurableTaskStorageException",
        ),
        (
            "none",
            "POST",
            f"orchestrators/fan_out/{'y' * 513}",
            {},
            "Something went wrong while processing your request",
            "An error occurred while communicating with Azure Storage",
            "DurableTask.AzureStorage.Storage.DurableTaskStorageException",
        ),
        (
            "running",
            "POST",
            "instances/{id}/raiseEvent/decision",
            TEXT,
            "Only application/json request content is supported",
            None,
            None,
        ),
        (
            "none",
            "POST",
            "orchestrators/fan_out/{id}",
            BROKEN,
            "Invalid JSON content",
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
            "Newtonsoft.Json.JsonReaderException",
        ),
    ],
)
def test_an_error_says_what_the_real_host_says(
    api: httpx.Client,
    bring: Callable[[str], str],
    status: str,
    method: str,
    path: str,
    sent: dict[str, Any],
    message: str,
    exception_message: str | None,
    exception_type: str | None,
) -> None:
    """Source: real-host.md section 4, api-states.json, api-general.json, api-more.json."""
    instance_id = bring(status)
    body = api.request(method, path.format(id=instance_id), **sent).json()
    assert (body.pop("StackTrace", None) is None) == (exception_type is None)
    expected = {"Message": message, "ExceptionMessage": exception_message, "ExceptionType": exception_type}
    assert body == {key: value.format(id=instance_id) for key, value in expected.items() if value}


@pytest.mark.parametrize(
    ("encoded", "instance_id"),
    [
        ("@odd", "@odd"),
        ("odd%5Cb", "odd\\b"),
        ("odd%23b", "odd#b"),
        ("odd%3Fb", "odd?b"),
        ("odd%09b", "odd\tb"),
        ("odd%0Ab", "odd\nb"),
        ("odd%2525b", "odd%b"),
        ("o" * 512, "o" * 512),
    ],
)
def test_an_id_is_decoded_twice_and_not_checked(
    app: RunningApp, api: httpx.Client, encoded: str, instance_id: str
) -> None:
    """Source: row 26 of real-host.md section 1, api-general.json."""
    assert api.post(f"orchestrators/fan_out/{encoded}", json={"count": 1}).status_code == 202
    assert app.result(instance_id) == 0
    assert api.get(f"instances/{encoded}").json()["instanceId"] == instance_id


@pytest.mark.parametrize("path", ["orchestrators/fan_out/a%2Fb", "orchestrators/fan_out/a%252Fb"])
def test_an_id_with_a_slash_is_not_found(api: httpx.Client, path: str) -> None:
    assert api.post(path).status_code == 404


def test_numbers_and_texts_that_dotnet_cannot_hold_are_shown_as_it_shows_them(
    app: RunningApp, api: httpx.Client
) -> None:
    """Source: real-host.md section 11."""
    api.post("orchestrators/approval/odd-input", content='{"nan": NaN, "far": -Infinity, "half": "\\ud83d"}')
    shown = api.get("instances/odd-input").json()["input"]
    assert shown == {"nan": "NaN", "far": "-Infinity", "half": "\ufffd"}


def test_start_takes_id_and_raw_input_and_answers_with_links(app: RunningApp, api: httpx.Client) -> None:
    answer = api.post("orchestrators/greet/an+id%20two", content='{"a": 1}')
    links = answer.json()
    assert set(links) == {
        "id",
        "statusQueryGetUri",
        "sendEventPostUri",
        "terminatePostUri",
        "purgeHistoryDeleteUri",
        "restartPostUri",
        "suspendPostUri",
        "resumePostUri",
    }
    assert links["id"] == "an id two"
    instance = f"{app.url}{WEBHOOK_PATH}instances/an+id+two"
    query = "taskHub=SampleHub&connection=Storage"
    assert links["statusQueryGetUri"] == links["purgeHistoryDeleteUri"] == f"{instance}?{query}"
    assert links["sendEventPostUri"] == f"{instance}/raiseEvent/{{eventName}}?{query}"
    assert links["terminatePostUri"] == f"{instance}/terminate?reason={{text}}&{query}"
    assert (answer.headers["Location"], answer.headers["Retry-After"]) == (links["statusQueryGetUri"], "10")
    assert app.result("an id two") == "hello from version None"
    assert api.get(links["statusQueryGetUri"]).json()["input"] == {"a": 1}


def test_status_shows_the_instance_with_times_in_seconds(api: httpx.Client, bring: Callable[[str], str]) -> None:
    instance_id = bring("running")
    answer = api.get(f"instances/{instance_id}?showInput=False")
    body = answer.json()
    assert {key: body[key] for key in ("name", "instanceId", "runtimeStatus", "input", "customStatus", "output")} == {
        "name": "approval",
        "instanceId": instance_id,
        "runtimeStatus": "Running",
        "input": None,
        "customStatus": None,
        "output": None,
    }
    assert (body["createdTime"], body["lastUpdatedTime"], len(body)) == ("2026-01-01T00:00:00Z",) * 2 + (8,)
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Location"] == str(answer.request.url)


def test_outcomes_are_json_values_and_a_failure_is_text(api: httpx.Client, bring: Callable[[str], str]) -> None:
    completed, failed, terminated = (
        api.get(f"instances/{bring(it)}").json() for it in ("completed", "failed", "terminated")
    )
    assert (completed["output"], completed["customStatus"]) == (0, {"stage": "done"})
    # Started as the SDK's client does it, which encodes the input twice.
    assert json.loads(completed["input"])["count"] == 1
    assert failed["output"].startswith("Orchestrator function 'fragile' failed: Activity function 'fail_until' failed:")
    assert terminated["output"] == "why"


def test_history_is_shown_when_asked_for_with_inputs_and_outputs_apart(
    api: httpx.Client, bring: Callable[[str], str]
) -> None:
    instance_id = bring("completed")
    assert "historyEvents" not in api.get(f"instances/{instance_id}").json()
    bare = api.get(f"instances/{instance_id}?showHistory=true&showInput=false").json()["historyEvents"]
    full = api.get(f"instances/{instance_id}?showHistory=true&showHistoryOutput=true").json()["historyEvents"]
    assert [event["EventType"] for event in bare] == ["ExecutionStarted", "TaskCompleted", "ExecutionCompleted"]
    assert not any({"Input", "Result", "EventId", "IsPlayed", "TaskScheduledId"} & set(event) for event in bare)
    # Source: histories.json. Inputs are JSON text, and null is no reason to leave one out.
    assert json.loads(json.loads(full[0]["Input"]))["count"] == 1
    assert "Input" in full[1]
    assert {"Correlation", "ParentTraceContext", "ScheduledStartTime", "Generation", "GenerateNewTrace"} <= set(full[0])
    assert {"FunctionName", "ScheduledTime", "Timestamp"} <= set(bare[1])
    assert (bare[0]["FunctionName"], bare[1]["FunctionName"]) == ("fan_out", "double")
    assert (full[1]["Result"], full[2]["OrchestrationStatus"]) == (0, "Completed")
    pending = api.get(f"instances/{bring('pending')}?showHistory=true").json()
    assert pending["runtimeStatus"] == "Pending"
    assert "historyEvents" not in pending
