"""The command line: a host as a process of its own, stopped, killed and started again."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.devhost.app_folder import SAMPLE, write_app

ROOT = Path(__file__).parents[2]


def start(*arguments: str | Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "local.devhost", "--port", "0", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def running(state_file: Path, *more: str | Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    stderr = (state_file.parent / "stderr.txt").open("a")
    process = subprocess.Popen(
        [sys.executable, "-m", "local.devhost", "--port", "0", "--app", SAMPLE, "--state", state_file, *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        ready = re.fullmatch(r"devhost ready on (http://127\.0\.0\.1:\d+)\n", line)
        assert ready, (line, (state_file.parent / "stderr.txt").read_text())
        yield ready[1], process
    finally:
        process.kill()
        process.communicate()
        stderr.close()


def ask(url: str, body: Any = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        text = response.read()
        return json.loads(text) if text else None


def until(check: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in 60 s")


def finished(status_url: str) -> Any:
    def look() -> Any:
        status = ask(status_url)
        return status if status["runtimeStatus"] not in ("Pending", "Running") else None

    return until(look)


def test_an_instance_goes_on_by_itself_after_kill_9(tmp_path: Path) -> None:
    state_file, steps = tmp_path / "s.db", tmp_path / "steps"
    gate = tmp_path / "steps.2"
    gate.touch()
    with running(state_file) as (url, process):
        ask(f"{url}/api/orchestrators/slow_chain/chain", {"file": str(steps)}, "POST")
        ask(f"{url}/api/orchestrators/approval/wait", None, "POST")
        until(lambda: steps.exists() and steps.read_text() == "0\n1\n2\n")
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    gate.unlink()
    with running(state_file) as (url, _):
        instance = f"{url}/runtime/webhooks/durabletask/instances"
        status = finished(f"{instance}/chain")
        assert (status["runtimeStatus"], status["output"]) == ("Completed", [0, 1, 2, 3])
        # Only the activity that was in flight ran twice.
        assert steps.read_text() == "0\n1\n2\n2\n3\n"
        ask(f"{instance}/wait/raiseEvent/decision", {"ok": True}, "POST")
        assert finished(f"{instance}/wait")["output"] == {"ok": True}


def test_sigterm_and_sigint_stop_with_exit_code_0(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with running(tmp_path / "s.db") as (url, process):
            ask(f"{url}/api/orchestrators/fan_out/{number.name}", None, "POST")
            finished(f"{url}/runtime/webhooks/durabletask/instances/{number.name}")
            process.send_signal(number)
            assert process.wait(60) == 0


def test_the_third_death_of_the_worker_ends_the_process_with_the_words_of_the_host(tmp_path: Path) -> None:
    said = tmp_path / "stderr.txt"
    with running(tmp_path / "s.db") as (_, process):
        killed = set[str]()
        while len(killed) < 3:
            worker = until(lambda: {*re.findall(r"worker process (\d+) runs the app", said.read_text())} - killed).pop()
            os.kill(int(worker), signal.SIGKILL)
            killed.add(worker)
        assert process.wait(60) == 1
    assert said.read_text().splitlines()[-1] == (
        "devhost: Exceeded language worker restart retry count for runtime:python. "
        "Shutting down and proactively recycling the Functions Host to recover"
    )


def test_a_busy_sync_activity_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    (tmp_path / "steps.0").touch()
    with running(tmp_path / "s.db") as (url, process):
        ask(f"{url}/api/orchestrators/slow_chain", {"file": str(steps)}, "POST")
        until(steps.exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_an_activity_that_will_not_be_cancelled_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with running(tmp_path / "s.db") as (url, process):
        ask(f"{url}/api/orchestrators/endless", str(begun), "POST")
        until(begun.exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_retry_waits_and_tries_again(tmp_path: Path) -> None:
    with running(tmp_path / "s.db") as (url, _):
        ask(f"{url}/api/orchestrators/retried/r", {"file": str(tmp_path / "tries"), "attempts": 3}, "POST")
        status = finished(f"{url}/runtime/webhooks/durabletask/instances/r")
        assert (status["runtimeStatus"], status["output"]) == ("Completed", 3)


def test_app_logs_are_json_lines_with_their_extra_fields(tmp_path: Path) -> None:
    log_file = tmp_path / "logs" / "app.jsonl"
    with running(tmp_path / "s.db", "--log-file", log_file) as (url, process):
        ask(f"{url}/api/echo", {"a": 1}, "POST")
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    records = [json.loads(line) for line in log_file.read_text().splitlines()]
    echoed = next(record for record in records if record["message"] == "echoed")
    assert (echoed["level"], echoed["logger"]) == ("INFO", "root")
    assert (echoed["action"], echoed["size"], echoed["function_name"]) == ("echoed", 8, "echo")
    assert " info Function.echo.User · echoed\n" in (tmp_path / "stderr.txt").read_text()  # as the worker hands it on


def test_a_load_error_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    write_app(tmp_path, "app = func.FunctionApp()")
    process = start("--app", tmp_path, "--state", tmp_path / "s.db")
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (1, "")
    then = "the real host starts with 0 functions: every path answers 404"
    assert stderr == f"devhost: the app registers no function ({then})\n"


def test_a_second_host_on_one_state_file_refuses(tmp_path: Path) -> None:
    state_file = tmp_path / "s.db"
    with running(state_file):
        process = start("--app", SAMPLE, "--state", state_file)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.startswith("devhost: ")
    assert len(stderr.splitlines()) == 1


def test_a_port_in_use_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with running(tmp_path / "s.db") as (url, _):
        process = start("--app", SAMPLE, "--state", tmp_path / "other.db", "--port", url.rpartition(":")[2])
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert re.fullmatch(r"devhost: port \d+ cannot be used: .*\n", stderr)


def test_ctrl_c_ends_the_import_of_an_app_that_hangs(tmp_path: Path) -> None:
    write_app(tmp_path, "import time\nopen('importing', 'w').close()\ntime.sleep(60)")
    process = start("--app", tmp_path, "--state", tmp_path / "s.db")
    until((tmp_path / "importing").exists)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (0, "")
    assert stderr.endswith(" stopped while starting\n")
    assert "Traceback" not in stderr
    assert not (tmp_path / "s.db").exists()


def test_a_log_file_that_cannot_be_written_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    process = start("--app", SAMPLE, "--state", tmp_path / "s.db", "--log-file", tmp_path / "file" / "log")
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert re.fullmatch(r"devhost: log file .* cannot be written: .*\n", stderr)


def test_wrong_usage_is_exit_code_2() -> None:
    process = start("--port", "99999")
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "a port is a number from 0 to 65535" in stderr


def test_help_explains_itself() -> None:
    stdout, _ = start("--help").communicate(timeout=60)
    for word in ("--app", "--state", "--enable-auth", "--log-file", "example:", "Exit codes"):
        assert word in stdout
