"""The command line: devhost as a process, stopped, killed and started again."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.devhost.hub.state_file import open_state_file
from tests.devhost.app_folder import SAMPLE, write_app

ROOT = Path(__file__).parents[2]
INSTANCES = "runtime/webhooks/durabletask/instances"


def start(app: Path, *arguments: str | Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "local.devhost", "--port", "0", "--app", app, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(state_file: Path, *more: str | Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run the sample app in a process and return its URL; the test may read its stderr."""
    with start(SAMPLE, "--state", state_file, *more) as process:
        try:
            assert process.stdout is not None
            ready = re.fullmatch(r"devhost ready on (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
            assert ready is not None, process.communicate()
            yield ready[1], process
        finally:
            process.kill()


def ask(url: str, body: Any = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.loads(response.read() or "null")


def until(check: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in 60 s")


def output(url: str, instance_id: str) -> Any:
    """Return the output of an instance once it has completed."""

    def look() -> Any:
        status = ask(f"{url}/{INSTANCES}/{instance_id}")
        return status if status["runtimeStatus"] not in ("Pending", "Running") else None

    ended = until(look)
    assert ended["runtimeStatus"] == "Completed", ended
    return ended["output"]


def test_an_instance_goes_on_by_itself_after_kill_9(tmp_path: Path) -> None:
    state_file, steps, gate = tmp_path / "s.db", tmp_path / "steps", tmp_path / "steps.2"
    gate.touch()
    with running(state_file) as (url, process):
        ask(f"{url}/api/orchestrators/slow_chain/chain", {"file": str(steps)}, "POST")
        ask(f"{url}/api/orchestrators/approval/wait", None, "POST")
        until(lambda: steps.exists() and steps.read_text() == "0\n1\n2\n")
        process.kill()
        process.wait(60)
    gate.unlink()
    with running(state_file) as (url, _):
        assert output(url, "chain") == [0, 1, 2, 3]
        assert steps.read_text() == "0\n1\n2\n2\n3\n", "only the activity that was in flight ran twice"
        ask(f"{url}/{INSTANCES}/wait/raiseEvent/decision", {"ok": True}, "POST")
        assert output(url, "wait") == {"ok": True}


@pytest.mark.parametrize(
    ("number", "busy"),
    [(signal.SIGTERM, None), (signal.SIGINT, "slow_chain"), (signal.SIGTERM, "endless")],
    ids=["at rest", "busy in a thread", "busy in a task that will not be cancelled"],
)
def test_sigterm_and_sigint_stop_with_exit_code_0_whatever_is_busy(
    tmp_path: Path, number: signal.Signals, busy: str | None
) -> None:
    begun = tmp_path / "begun"
    begun.with_suffix(".0").touch()
    with running(tmp_path / "s.db") as (url, process):
        if busy:
            ask(f"{url}/api/orchestrators/{busy}", {"file": str(begun)}, "POST")
            until(begun.exists)
        process.send_signal(number)
        assert process.wait(60) == 0


def test_the_third_death_of_the_worker_ends_the_process_with_the_words_of_the_host(tmp_path: Path) -> None:
    with running(tmp_path / "s.db") as (_, process):
        assert process.stderr is not None
        workers = (re.search(r"worker process (\d+) runs the app", line) for line in process.stderr)
        found = (int(worker[1]) for worker in workers if worker)
        for _ in range(3):
            os.kill(next(found), signal.SIGKILL)
        assert process.wait(60) == 1
        assert process.stderr.read().splitlines()[-1] == (
            "devhost: Exceeded language worker restart retry count for runtime:python. "
            "Shutting down and proactively recycling the Functions Host to recover"
        )


def test_app_logs_are_json_lines_with_their_extra_fields(tmp_path: Path) -> None:
    log_file = tmp_path / "logs" / "app.jsonl"
    with running(tmp_path / "s.db", "--log-file", log_file) as (url, process):
        ask(f"{url}/api/echo", {"a": 1}, "POST")
        process.terminate()
        _, said = process.communicate(timeout=60)
    records = [json.loads(line) for line in log_file.read_text().splitlines()]
    echoed = next(record for record in records if record["message"] == "echoed")
    assert (echoed["level"], echoed["logger"]) == ("INFO", "root")
    assert (echoed["action"], echoed["size"], echoed["function_name"]) == ("echoed", 8, "echo")
    assert " info Function.echo.User · echoed\n" in said  # in the worker's form


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--app", "{empty}"], r"the app registers no function \(the real host starts with 0 functions: .*\)"),
        (["--state", "{taken}"], "state file .* is in use by another devhost.*"),
        (["--port", "{port}"], r"cannot listen on port \d+: .*"),
        (["--log-file", "{taken}/log"], "cannot write log file .*: .*"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_exit_code_1(tmp_path: Path, arguments: list[str], said: str) -> None:
    write_app(tmp_path, "app = func.FunctionApp()")
    taken = tmp_path / "taken.db"
    with closing(open_state_file(taken)), socket.create_server(("127.0.0.1", 0)) as server:
        names = {"empty": tmp_path, "taken": taken, "port": server.getsockname()[1]}
        process = start(SAMPLE, "--state", tmp_path / "s.db", *(it.format(**names) for it in arguments))
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (1, "")
    assert re.fullmatch(f"devhost: {said}\n", stderr), stderr


def test_ctrl_c_ends_the_import_of_an_app_that_hangs(tmp_path: Path) -> None:
    write_app(tmp_path, "import time\nopen('importing', 'w').close()\ntime.sleep(60)")
    process = start(tmp_path, "--state", tmp_path / "s.db")
    until((tmp_path / "importing").exists)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (0, "")
    assert stderr.endswith(" stopped during the start\n")
    assert "Traceback" not in stderr
    assert not (tmp_path / "s.db").exists()
