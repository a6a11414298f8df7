"""The public form of a history."""

from typing import Any

from local.devhost.http.status import render_history


def event(kind: int, event_id: int = -1, **fields: Any) -> dict[str, Any]:
    return {"EventType": kind, "EventId": event_id, "IsPlayed": False, "Timestamp": f"t{kind}", **fields}


HISTORY = [
    event(12),
    event(0, Name="orch", Version=None, Input='{"a": 1}', OrchestrationInstance={}, ParentInstance=None, Tags=None),
    event(4, 0, Name="act", Version="", Input='["1"]'),
    event(4, 1, Name="late", Version=None, Input=None),
    event(10, 2, FireAt="f"),
    event(13),
    event(12),
    event(5, TaskScheduledId=0, Result="7"),
    event(11, TimerId=2, FireAt="f"),
    event(1, 3, OrchestrationStatus=1, Result='"done"'),
]


def test_calls_are_folded_into_their_outcomes() -> None:
    shown = render_history(HISTORY, show_input=True, show_output=True)
    assert [entry["EventType"] for entry in shown] == [
        "ExecutionStarted",
        "TaskScheduled",
        "TimerCreated",
        "TaskCompleted",
        "TimerFired",
        "ExecutionCompleted",
    ]
    assert shown[0] == {
        "EventType": "ExecutionStarted",
        "Timestamp": "t0",
        "Input": '{"a": 1}',
        "FunctionName": "orch",
        "GenerateNewTrace": False,
    }
    assert shown[3] == {
        "EventType": "TaskCompleted",
        "Timestamp": "t5",
        "Result": 7,
        "ScheduledTime": "t4+00:00",
        "FunctionName": "act",
        "Input": '["1"]',
    }
    assert shown[4] == {"EventType": "TimerFired", "Timestamp": "t11", "FireAt": "f"}
    assert (shown[5]["OrchestrationStatus"], shown[5]["Result"]) == ("Completed", "done")


def test_inputs_and_results_are_left_out_unless_asked_for() -> None:
    shown = render_history(HISTORY, show_input=False, show_output=False)
    assert not any("Result" in entry or "Input" in entry for entry in shown)
