"""Killed with kill -9 in the middle of a fan-out, devhost goes on by itself when it is started again."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.devhost.app_folder import write_app

ROOT = Path(__file__).parents[2]
LIMIT = 8
HOST_JSON = {
    "version": "2.0",
    "extensions": {"durableTask": {"maxConcurrentActivityFunctions": LIMIT}},
    "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"},
}
APP = """
import os, pathlib, time
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
folder = pathlib.Path(__file__).parent

@app.activity_trigger(input_name="number")
def note(number: int) -> int:
    with open(folder / "ran.txt", "a") as ran:
        ran.write(f"{number}\\n")
    if number == 30 and not (folder / "go").exists():
        print("IN THE MIDDLE", flush=True)
        time.sleep(60)
    return number

@app.orchestration_trigger(context_name="context")
def main(context):
    first = yield context.task_all([context.call_activity(note, n) for n in range(40)])
    context.set_custom_status("half")
    second = yield context.task_all([context.call_activity(note, n) for n in range(40, 80)])
    return sum(first) + sum(second)

@app.route(route="start")
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client) -> func.HttpResponse:
    return client.create_check_status_response(req, await client.start_new("main", "run-1"))
"""


def start_host(folder: Path) -> tuple[subprocess.Popen[str], str]:
    state_file = str(folder / "state.db")
    process = subprocess.Popen(
        [sys.executable, "-m", "local.devhost", "--app", str(folder), "--port", "0", "--state", state_file],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return process, read_until(process, "devhost ready on ").split()[-1]


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"devhost ended before it said {text!r}")


def ask(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=60) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def test_kill_9_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    folder = write_app(tmp_path, APP)
    (folder / "host.json").write_text(json.dumps(HOST_JSON))
    process, url = start_host(folder)
    with process:
        assert ask(f"{url}/api/start")["id"] == "run-1"
        read_until(process, "IN THE MIDDLE")
        process.send_signal(signal.SIGKILL)
    (folder / "go").touch()
    process, url = start_host(folder)
    with process:
        status = wait_for_end(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert (status["runtimeStatus"], status["output"]) == ("Completed", sum(range(80)))
    ran = (folder / "ran.txt").read_text().split()
    assert len(set(ran)) == 80
    # An activity keeps its slot until its result is written, so at most LIMIT had begun without a written result.
    assert len(ran) - 80 <= LIMIT


def wait_for_end(url: str) -> dict[str, Any]:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        status = ask(f"{url}/runtime/webhooks/durabletask/instances/run-1")
        if status["runtimeStatus"] in ("Completed", "Failed"):
            return status
        time.sleep(0.05)
    raise AssertionError(f"it did not end in 180 s: {status}")
