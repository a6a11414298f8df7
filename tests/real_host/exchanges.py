"""Transcripts of HTTP exchanges: send each request of a file in order and compare the answers."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from tests.real_host.host import WEBHOOKS, Host, hosted
from tests.real_host.instances import bring, bring_ten
from tests.real_host.rows import DATA, Row, compare, compare_answers

Exchange: TypeAlias = Mapping[str, Any]
Prepare: TypeAlias = Callable[[Host, Exchange], None]


def read(name: str) -> Any:
    """Return a file of the golden data."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def replay(host: Host, exchanges: Sequence[Exchange], prepare: Prepare, *, key: str, settle: bool = True) -> list[Row]:
    """Send the requests in order, each when the host is at rest, and record what the transcript recorded."""
    rows: list[Row] = []
    begun = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for exchange in map(host.marks.level, exchanges):
        if settle:
            host.app.rest()
        prepare(host, exchange)
        case = exchange["case"]
        if "request" in exchange:
            request = exchange["request"] | {"path": exchange["request"]["path"].replace("{time}", begun)}
            rows += compare_answers(case, exchange["response"], host.send(request, key=key))
        elif "runtimeStatus" in exchange:
            rows += compare(case, "status", exchange, {"case": case, **_seen(host, case, exchange)})
        elif "instances" in exchange:
            rows += compare(case, "instances", exchange["instances"], _left(host))
        elif "ids" in exchange:
            rows += compare(case, "ids", exchange["ids"], _pages(host))
    return rows


def _seen(host: Host, case: str, exchange: Exchange) -> dict[str, Any]:
    state, operation = re.fullmatch(r"(\w+): .*after (\w+)", case).groups()  # type: ignore[union-attr]
    answer = host.status(f"{state.lower()}-{operation.replace('_', '-')}")
    found = answer["body"] if isinstance(answer["body"], dict) else {}
    return {key: found.get(key) for key in exchange if key not in ("case", "status_code")} | {
        "status_code": answer["status"]
    }


def _left(host: Host) -> dict[str, str]:
    answer = host.send({"method": "GET", "path": f"{WEBHOOKS}/instances"}, key="systemkey")
    return {item["instanceId"]: item["runtimeStatus"] for item in answer["body"]}


def _pages(host: Host) -> list[list[str]]:
    pages: list[list[str]] = []
    token = ""
    while token or not pages:
        headers = {"x-ms-continuation-token": token} if token else {}
        path = f"{WEBHOOKS}/instances?instanceIdPrefix=list-&top=3"
        answer = host.send({"method": "GET", "path": path, "headers": headers}, key="systemkey")
        pages.append([item["instanceId"] for item in answer["body"]])
        token = answer["headers"].get("x-ms-continuation-token", "")
    return pages


def nothing(host: Host, exchange: Exchange) -> None:
    """Prepare nothing."""


def _ids(exchanges: Sequence[Exchange]) -> list[str]:
    paths = [it["request"]["path"] for it in exchanges if "request" in it]
    found = [re.search(r"/(?:instances|orchestrators/\w+)/([\w-]+)", path) for path in paths]
    return list(dict.fromkeys(match[1] for match in found if match is not None))


def _states() -> list[Row]:
    exchanges = read("api-states")
    with hosted("api") as host:
        for instance_id in _ids(exchanges):
            state = instance_id.partition("-")[0].capitalize()
            if state != "Unknown":
                bring(host, instance_id, state)
        return replay(host, exchanges, nothing, key="systemkey")


def _pending() -> list[Row]:
    exchanges = read("api-pending")
    with hosted("pending") as host:
        host.start("blocks", "blocks", {"seconds": 12})
        for instance_id in _ids(exchanges):
            host.start("waits", instance_id, {"in": instance_id})
        later = next(number for number, it in enumerate(exchanges) if "later" in it["case"])
        rows = replay(host, exchanges[:later], nothing, key="systemkey", settle=False)
        return rows + replay(host, exchanges[later:], nothing, key="systemkey")


def _general() -> list[Row]:
    # The function that answered "client binding" there is not in the app any more.
    exchanges = [it for it in read("api-general") if it["case"] != "client binding"]
    first = {"raiseEvent no body": ["ev"], "list prefix": [f"list-{number}" for number in range(7)]}

    def prepare(host: Host, exchange: Exchange) -> None:
        for name in first.get(exchange["case"], []):
            if name == "ev":
                host.start("waits", name)
            else:
                host.start("quick", name, {"n": int(name.removeprefix("list-"))})
        host.app.rest()

    with hosted("api") as host:
        return replay(host, exchanges, prepare, key="systemkey")


def _more() -> list[Row]:
    exchanges = read("api-more")

    def prepare(host: Host, exchange: Exchange) -> None:
        if exchange["case"].startswith("purge "):
            bring_ten(host, exchange["case"].removeprefix("purge "))

    with hosted("api") as host:
        return replay(host, exchanges[:-1], prepare, key="systemkey")


def _binding() -> list[Row]:
    with hosted("binding") as host:
        return replay(host, read("api-more")[-1:], nothing, key="")


PARTS: dict[str, Callable[[], list[Row]]] = {
    "api-states": _states,
    "api-pending": _pending,
    "api-general": _general,
    "api-more": _more,
    "api-more/binding": _binding,
}
