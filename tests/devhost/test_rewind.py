"""A failed instance goes on from where it failed: what had succeeded is kept, what had failed is done again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devhost.errors import InstanceNotFound, InstanceNotTerminal
from devhost.event import Event, EventType
from devhost.instance import Instance
from devhost.testing import RunningApp, running_app

APP = Path(__file__).parent / "apps" / "orchestrations"


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    with running_app(APP, state_file=tmp_path / "state.db") as running:
        yield running


def fail(app: RunningApp, name: str, value: Any = None, **options: Any) -> str:
    instance_id = app.start(name, value, **options)
    assert app.wait(instance_id).status == "Failed"
    return instance_id


def rewind(app: RunningApp, instance_id: str) -> Instance:
    app.call(app.hub.rewind(instance_id, "mended"))
    return app.wait(instance_id)


def kinds(app: RunningApp, instance_id: str) -> list[EventType]:
    return [EventType(event["EventType"]) for event in app.history(instance_id)]


def test_what_had_succeeded_is_kept_and_what_had_failed_is_done_again(app: RunningApp) -> None:
    instance_id = fail(app, "brittle", {"key": "a", "failures": 1}, version="3")
    instance = rewind(app, instance_id)
    assert (instance.status, instance.output_text) == ("Completed", '[2, "a after 2", "3"]')
    assert kinds(app, instance_id).count(EventType.TASK_COMPLETED) == 2
    assert EventType.TASK_FAILED not in kinds(app, instance_id)
    assert [event["Data"] for event in app.history(instance_id) if event["EventType"] == EventType.GENERIC_EVENT] == [
        "rewound: TASK_SCHEDULED",
        "rewound: TASK_FAILED",
        "rewound: EXECUTION_COMPLETED",
        "mended",
    ]


def test_an_instance_may_be_rewound_as_often_as_it_fails(app: RunningApp) -> None:
    instance_id = fail(app, "brittle", {"key": "b", "failures": 2})
    assert rewind(app, instance_id).status == "Failed"
    assert rewind(app, instance_id).status == "Completed"


def test_a_used_up_retry_begins_anew_without_the_timers_it_left(app: RunningApp) -> None:
    instance_id = fail(app, "brittle_retry", {"key": "c", "failures": 4})
    instance = rewind(app, instance_id)
    assert (instance.status, instance.output_text) == ("Completed", '[0, 2, "c after 5"]')
    assert [_task(event) for event in app.history(instance_id) if "FireAt" in event] == [3, 3]


def _task(event: Event) -> int:
    return int(event["TimerId"] if "TimerId" in event else event["EventId"])


def test_failed_children_are_rewound_with_their_parent(app: RunningApp) -> None:
    instance_id = fail(app, "brittle_parent", {"key": "d", "failures": 3})
    children = [event["InstanceId"] for event in app.history(instance_id) if event["EventType"] == 7]
    assert children[1:] == ["named-child"] * 3
    assert rewind(app, instance_id).status == "Failed"  # the first child fails a second and a third time
    assert rewind(app, instance_id).status == "Failed"
    instance = rewind(app, instance_id)
    assert (instance.status, instance.output_text) == (
        "Completed",
        '[[2, "d after 4", null], [2, "named after 4", "2.0"]]',
    )
    assert app.wait(children[0]).status == app.wait("named-child").status == "Completed"


def test_a_child_that_is_gone_is_started_again(app: RunningApp) -> None:
    instance_id = fail(app, "brittle_parent", {"key": "e", "failures": 1})
    first = next(event["InstanceId"] for event in app.history(instance_id) if event["EventType"] == 7)
    app.call(app.hub.purge(first))
    assert rewind(app, instance_id).status == "Completed"


def test_a_caught_failure_is_taken_back_too_and_then_history_does_not_fit(app: RunningApp) -> None:
    instance = rewind(app, fail(app, "caught_then_failed"))
    assert instance.status == "Failed"
    assert "Non-Deterministic workflow detected" in str(instance.output_text)


def test_only_a_failed_instance_is_rewound(app: RunningApp) -> None:
    instance_id = app.start("chain", 1)
    app.wait(instance_id)
    with pytest.raises(InstanceNotTerminal, match="has status Completed"):
        app.call(app.hub.rewind(instance_id, "again"))
    with pytest.raises(InstanceNotFound):
        app.call(app.hub.rewind("nobody", "again"))
