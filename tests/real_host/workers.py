"""The worker process: its thread pool (`threads.json`), and the effect of a call that exceeds functionTimeout."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.real_host.exchanges import read
from tests.real_host.host import Host, hosted
from tests.real_host.rows import Row, compare

# The environment variables that the host adds itself; the others came from the way of starting it.
ADDED = {"FUNCTIONS_APPLICATION_DIRECTORY", "FUNCTIONS_WORKER_DIRECTORY", "PYTHON_THREADPOOL_THREAD_COUNT"}
WORKER = ("PYTHON_THREADPOOL_THREAD_COUNT", "pools", "cwd_is_app", "main_thread", "FUNCTIONS_WORKER_RUNTIME")
SLOW = "20 slow sync HTTP calls of 2 s"


def _get(host: Host, path: str) -> dict[str, Any]:
    return host.send({"method": "GET", "path": path})


def _output(host: Host, name: str, value: Any = None) -> Any:
    return host.app.result(host.app.start(name, value))


def _threads() -> list[Row]:
    rows: list[Row] = []
    for case, real in read("threads").items():
        count = "PYTHON_THREADPOOL_THREAD_COUNT"
        environment = {count: real["worker"][count]} if case != "default" else {}
        with hosted("threads", environment, worker_process=True) as host:
            here = json.loads(_get(host, "/api/env")["body"])
            for key in WORKER:
                rows += compare(case, key, real["worker"][key], here[key])
            rows += compare(case, "names", *(sorted(ADDED & {*it["names"]}) for it in (real["worker"], here)))
            for name in ("busy", "busy_async"):
                names = [real[name]["threads"], _output(host, "fan", {"name": name, "n": 9})]
                rows += compare(case, f"{name} threads", *map(_kinds, names))
                rows.append(
                    Row(case, f"{name} at once", real[name]["most_at_once"], int(_get(host, "/api/most")["body"]))
                )
            most = real[SLOW]["most_at_once"]
            seen = 0
            for _ in range(5):  # a busy machine may not bring all calls to the app within their 2 s
                with ThreadPoolExecutor(20) as pool:  # more calls than threads: as many as take a few seconds
                    list(pool.map(lambda _: _get(host, "/api/slow"), range(min(20, 3 * most))))
                seen = max(seen, _most(host))
                if seen >= most:
                    break
            rows.append(Row(case, SLOW, most, seen))
    return rows


def _kinds(names: Sequence[str]) -> list[str]:
    return sorted({re.sub(r"\d+$", "N", name) for name in names})


def _most(host: Host) -> int:
    return int(_get(host, "/api/most")["body"])


def _timeout() -> list[Row]:
    real = {it["case"].partition(":")[0]: it for it in read("timeout") if "case" in it}
    rows: list[Row] = []

    def look(case: str, act: Callable[[], Mapping[str, Any]]) -> None:
        before = _pid(host)
        here = host.marks.level(act())
        rows.extend(compare(case, "told", {key: real[case][key] for key in here}, here))
        rows.append(Row(case, "new worker", True, _pid(host) != before))

    def ran(name: str, value: Any = None) -> Mapping[str, Any]:
        return {"runtimeStatus": "Completed", "output": _output(host, name, value)}

    with TemporaryDirectory() as folder, hosted("timeout", worker_process=True) as host:
        look("sync_activity", lambda: ran("sync_activity"))
        look("async_activity", lambda: ran("async_activity"))
        before, late = _pid(host), host.app.start("sync_activity")
        time.sleep(2)  # so that the 3.5 s of the others are not over when the 5 s of this one are
        beside = host.app.start("bystander")
        look("bystander", lambda: {"output": host.app.result(late)})
        seconds, pids = zip(*host.app.result(beside), strict=True)
        rows += compare("bystander", "output", [3.5] * 4, list(seconds))
        rows.append(Row("bystander", "ran again", True, len({*pids}) == 1 and pids[0] != before))
        marker = {"marker": str(Path(folder) / "marker")}
        before, (output, pid) = _pid(host), _output(host, "slow_orchestrator", marker)
        rows += compare("orchestrator blocks 12 s", "output, new worker", [0, True], [output, pid != before])
        look("HTTP function of 12 s", lambda: {key: _get(host, "/api/slow")[key] for key in ("status", "body")})
        look("activity with retry, each times out", lambda: ran("retried"))
    return rows


def _pid(host: Host) -> int:
    return int(_get(host, "/api/pid")["body"])


PARTS = {"threads": _threads, "timeout": _timeout}
