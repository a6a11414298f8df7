"""Corner cases of orchestrations: unknown names, odd yields and values, events before their wait, custom status."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.real_host.exchanges import read
from tests.real_host.host import WEBHOOKS, Host, hosted
from tests.real_host.orchestrations import await_events, check_warning, raise_event
from tests.real_host.rows import Row, compare, compare_answers

_SWITCHED_OFF = {"AzureWebJobs.switched_off.Disabled": "true"}
# Orchestrator and input of a case that has not its orchestrator's name.
_STARTS: tuple[tuple[str, str, Callable[[str], Any]], ...] = (
    (r"custom status (\d+) chars", "big_status", lambda text: {"n": int(text)}),
    (r"activity and output (\w+)", "odd_output", lambda text: {"what": text}),
    (r"own output (\w+)", "own_odd", lambda text: {"what": text}),
    (r"5 MB (.*)", "big_through", lambda text: None),
)
# The orchestrator, the events raised in order, and how long its history is before the first of them.
_EVENTS: Mapping[str, tuple[str, tuple[tuple[str, str], ...], int]] = {
    "event in another case": ("waits", (("APPROVAL", "1"),), 1),
    "... then in the right case": ("", (("approval", "2"),), 2),
    "two events before two waits": ("late_wait", (("X", "1"), ("X", "2")), 2),
    "one event before two waits": ("late_wait", (("X", "1"),), 2),
    "one event before its wait": ("late_wait_once", (("X", '"only"'),), 2),
    "two waits of one name at once": ("two_waits", (("X", "1"), ("X", "2")), 1),
    "event null": ("waits", (("approval", "null"),), 1),
    "event with empty body": ("waits", (("approval", ""),), 1),
    "event that looks like a date": ("waits", (("approval", '"2026-01-01T00:00:00Z"'),), 1),
    "30-day timer cancelled": ("long_timer", (("go", "1"),), 2),
}


def _play() -> list[Row]:
    text = json.dumps(read("corners"), ensure_ascii=False)  # its marks are those of an earlier way to level
    cases = json.loads(text.replace("http://{host}", "{origin}").replace("{time}+02:00", "{time}"))
    with hosted("corners", _SWITCHED_OFF) as host:
        rows = list(_start_unknown(host, *cases[:2]))
        ids: dict[str, str] = {}
        codes: dict[str, int] = {}
        for number, case in enumerate(cases[2:]):
            name = case["case"]
            # A case that continues the one before it uses the same instance.
            ids[name] = f"c-{number - name.startswith('...')}"
            if name.startswith("..."):
                rows += _outcome(host, cases[number + 1], ids[cases[number + 1]["case"]], codes)
            codes[name] = _begin(host, name, ids[name])
        for case in cases[2:]:
            if case["case"] != "event in another case":
                rows += _outcome(host, case, ids[case["case"]], codes)
        return rows


def _start_unknown(host: Host, webhook: Any, sdk: Any) -> Iterator[Row]:
    answer = host.send({"method": "POST", "path": f"{WEBHOOKS}/orchestrators/nothing"}, key="systemkey")
    yield from compare_answers(webhook["case"], host.marks.level(webhook), answer)
    answer = host.send({"method": "GET", "path": "/api/start/nothing"})
    yield from compare(sdk["case"], "answer", sdk, {**sdk, "status": answer["status"], "body": answer["body"]})


def _begin(host: Host, case: str, instance_id: str) -> int:
    """Start a case, raise its events, and return the status code of the last answer."""
    for pattern, orchestrator, read_input in _STARTS:
        if found := re.fullmatch(pattern, case):
            host.start(orchestrator, instance_id, read_input(found[1]))
            return 0
    orchestrator, events, count = _EVENTS.get(case, (case, (), 0))
    if orchestrator:
        host.start(orchestrator, instance_id)
    code = 0
    for number, (name, body) in enumerate(events, count):
        await_events(host, instance_id, number)
        code = raise_event(host, instance_id, name, body)
    return code


def _outcome(host: Host, case: Mapping[str, Any], instance_id: str, codes: Mapping[str, int]) -> list[Row]:
    if case.get("runtimeStatus") == "Running":
        host.app.rest()
    else:
        host.app.wait(instance_id)
    body = host.status(instance_id, "?showHistory=true")["body"]
    here = {key: body[key] for key in ("runtimeStatus", "output", "customStatus")} | {"status": codes[case["case"]]}
    here["history"] = [event["EventType"] for event in body["historyEvents"]]
    here["reasons"] = [event["Reason"] for event in body["historyEvents"] if event.get("Reason")]
    real = dict(host.marks.level(case))
    if "raw" in case:
        text = case["raw"].partition('"output":')[2].partition(',"createdTime"')[0]
        real["output"] = host.marks.level(json.loads(text))
    _shorten(case["case"], real, here)
    check_warning(host, case["case"], instance_id)
    return compare(case["case"], "status", {key: real[key] for key in here if key in real}, _like(here, real))


def _like(here: Mapping[str, Any], real: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in here.items() if key in real}


def _shorten(case: str, real: dict[str, Any], here: dict[str, Any]) -> None:
    """Normalise both sides where the transcript shortened a value, or where a value depends on the time."""
    status = here["customStatus"]
    if case.startswith("custom status") and isinstance(status, str):
        here["customStatus"] = f"{status[: real['customStatus'].index('...')]}...({len(status)})"
    if case == "window":
        real["output"], here["output"] = len(real["output"]), len(here["output"])
    if case.startswith("5 MB"):
        here["output"], here["customStatus"] = str(here["output"]), str(status)


PARTS: dict[str, Callable[[], list[Row]]] = {"corners": _play}
