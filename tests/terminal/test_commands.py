"""Each command against a live devhost: what it prints, its JSON, its exit code."""

import json
import re
import signal
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import pytest

from terminal import profile
from terminal.ending import OF_OUTCOME, Code
from terminal.main import main, sluice
from tests.app_host import ROOT
from tests.terminal.conftest import IDS, Call, Live, Said

SMALL = ("--chunk-size", "25")


@pytest.fixture
def run_id(request: pytest.FixtureRequest) -> str:
    """The id of a run that only this test has."""
    return request.node.name.removeprefix("test_")[:64].replace("[", "-").replace("]", "")  # type: ignore[no-any-return]


def start(call: Call, run_id: str, *words: str, source: str = "demo") -> Said:
    """Start a run and watch it to its end."""
    return call("start", source, "--run-id", run_id, *SMALL, *words, "--watch")


@contextmanager
def held(live: Live, call: Call, run_id: str, *, chunk: int = 2) -> Iterator[None]:
    """A run of which all chunks from this one on wait at a gate, which opens at the end of the block."""
    live.rig.hold(chunk)
    assert call("start", "demo", "--run-id", run_id, *SMALL).code == 0
    live.rig.gate.wait_until_reached()
    yield
    live.rig.gate.open()


# --- start and watch


def test_start_prints_the_id_of_the_run_and_says_how_to_watch_it(live: Live, call: Call, run_id: str) -> None:
    said = call("start", "demo", "--run-id", run_id, *SMALL)
    assert (said.code, said.out) == (0, f"{run_id}\n")
    assert f"sluice watch {run_id}" in said.err
    again = call("start", "demo", "--run-id", run_id, *SMALL, "--json")
    assert (again.code, again.json["run_id"], again.err) == (0, run_id, "")
    assert "code=" not in again.out
    assert call("watch", run_id).code == 0


def test_a_watched_start_shows_progress_on_stderr_and_the_report_on_stdout(live: Live, call: Call, run_id: str) -> None:
    said = start(call, run_id)
    assert said.code == Code.COMPLETED
    assert "is started" in said.err
    assert "was started before, and has ended" in start(call, run_id).err
    first, identity = said.out.splitlines()
    assert first.startswith(f"{run_id}  completed after ")
    assert identity == f"fetched {IDS} of {IDS} = enqueued {IDS} + rejected 0 + failed 0 + pending 0"
    assert f"enqueued {IDS}/{IDS}" in said.err


def test_watch_prints_a_line_of_json_for_each_change(live: Live, call: Call, run_id: str) -> None:
    said = start(call, run_id, "--json")
    looks = [json.loads(line) for line in said.out.splitlines()]
    assert {look["run_id"] for look in looks} == {run_id}
    assert (looks[-1]["status"], looks[-1]["report"]["enqueued"]) == ("completed", IDS)
    assert (said.code, said.err) == (0, "")


def test_bad_input_is_one_line_with_the_field_and_what_is_allowed(live: Live, call: Call) -> None:
    said = call("start", "demo", "--chunk-size", "0")
    assert (said.code, said.out) == (Code.USAGE, "")
    assert said.err.startswith("sluice: chunk_size: ")
    assert said.err.count("\n") == 1
    said = call("start", "nobody", "--json")
    assert (said.code, said.out) == (Code.USAGE, "")
    assert "(allowed: " in said.err
    assert call("start", "sales", "--param", "region").code == Code.USAGE
    assert call("start").code == Code.USAGE


def test_failures_within_the_tolerance_end_with_3_and_what_to_do_next(live: Live, call: Call, run_id: str) -> None:
    live.rig.refused = {1, 3}
    said = start(call, run_id, "--tolerated-failures", "50%")
    assert said.code == Code.COMPLETED_IN_PART
    assert "chunks 1, 3: 50 failed: the queue answered HTTP 403" in said.out
    assert [f"next: sluice {words} {run_id}" in said.err for words in ("failures", "redrive")] == [True, True]

    shown = call("failures", run_id)
    assert shown.code == 0
    assert "HTTP 403" in shown.out
    (group,) = call("failures", run_id, "--json").json["groups"]
    assert (group["chunks"], group["messages"], group["examples"]) == (2, 50, [1, 3])

    live.rig.refused = ()
    redriven = call("redrive", run_id)
    assert (redriven.code, redriven.out) == (0, f"run {run_id} is restarted\n")
    assert call("watch", run_id).code == Code.COMPLETED
    refused = call("redrive", run_id, "--json")
    assert (refused.code, refused.out) == (Code.FAILED, "")
    assert refused.err.startswith("sluice: run_id: ")


def test_a_run_that_fails_ends_with_1(live: Live, call: Call, run_id: str) -> None:
    live.rig.refused = range(8)
    said = start(call, run_id)
    assert said.code == Code.FAILED
    assert "error: " in said.out
    shown = call("show", run_id)
    assert f"next: sluice redrive {run_id}" in shown.err, "also for who was not there at the end"
    places = [shown.out.index(words) for words in ("fetched", "error: ", "started", "transactions")]
    assert places == sorted(places), "the error comes before the facts"
    live.rig.refused = ()
    begun = call("redrive", run_id, "--json")
    assert (begun.code, begun.json["run_id"]) == (0, run_id)
    assert call("watch", run_id, "--json").code == Code.COMPLETED


def test_rejects_end_with_3_and_none_of_them_steers_the_terminal(live: Live, call: Call, run_id: str) -> None:
    said = start(call, run_id, source="marked")
    assert said.code == Code.COMPLETED_IN_PART
    assert f"next: sluice rejected {run_id}" in said.err
    without, shown = call("rejected", run_id), call("rejected", run_id, "--payload", "--examples", "1")
    assert (without.code, shown.code) == (0, 0)
    assert "[31mb" not in without.out
    assert "[31mb" in shown.out
    assert "\x1b" not in shown.out
    (group,) = call("rejected", run_id, "--json").json["groups"]
    assert (group["count"], group["examples"][0]["index"]) == (1, 1)
    assert "payload" not in group["examples"][0]


def test_watch_gives_up_after_its_time_with_7_and_leaves_the_run_going(live: Live, call: Call, run_id: str) -> None:
    with held(live, call, run_id):
        said = call("watch", run_id, "--timeout", "0.3s")
        assert (said.code, said.out) == (Code.TIMED_OUT, "")
        assert f"watch it again: sluice watch {run_id}" in said.err
    assert call("watch", run_id, "--timeout", "2m").code == Code.COMPLETED
    assert call("watch", run_id, "--timeout", "soon").code == Code.USAGE
    assert call("start", "demo", "--timeout", "1s").code == Code.USAGE


def test_ctrl_c_ends_the_watch_with_130_and_leaves_the_run_going(live: Live, call: Call, run_id: str) -> None:
    with held(live, call, run_id):
        command = [sys.executable, "-m", "terminal", "watch", run_id]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
            assert watch.stderr is not None
            assert "running" in watch.stderr.readline()
            watch.send_signal(signal.SIGINT)
            _, err = watch.communicate(timeout=60)
        assert watch.returncode == Code.INTERRUPTED
        assert err.splitlines()[-1] == f"run {run_id} continues; watch it again: sluice watch {run_id}"
        assert call("show", run_id, "--json").json["status"] == "running"


def test_every_outcome_has_its_code() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    listed = glossary.partition("## Outcomes")[2].partition("## Statuses")[0]
    assert {line.split("`")[1] for line in listed.splitlines() if line.startswith("| `")} == OF_OUTCOME.keys()


def test_plan_shows_what_a_start_would_do(live: Live, call: Call) -> None:
    said = call("plan", "demo")
    assert said.code == 0
    lines = {line.split("  ")[0]: line for line in said.out.splitlines()}
    assert (lines["read"].split()[1], lines["total"].split()[-1]) == ("2", str(IDS))
    assert "cursor" in lines["next page"]
    document = call("plan", "demo", "--json").json
    assert (document["source"], document["pages_read"], document["problems"]) == ("demo", 2, [])
    bad = call("plan", "marked")
    assert (bad.code, "problem: " in bad.out, "\x1b" in bad.out) == (Code.FAILED, True, False)
    assert call("plan", "marked", "--json").code == Code.FAILED
    assert call("plan", "nobody").code == Code.USAGE
    assert call("plan", "demo", "--chunk-size", "0").err.startswith("sluice: chunk_size: ")


# --- steering


def test_a_run_is_paused_and_resumed(live: Live, call: Call, run_id: str) -> None:
    with held(live, call, run_id):
        said = call("pause", run_id)
        assert (said.code, said.out) == (0, f"sent pause to run {run_id}\n")
    live.host.app.wait(run_id, lambda it: it.is_terminal or '"paused"' in (it.custom_status_text or ""))
    live.host.app.rest()
    assert call("show", run_id).out.splitlines()[0].split()[:3] == [run_id, "demo", "paused"]
    assert call("pause", run_id, "--json").json == {"run_id": run_id, "command": "pause"}
    said = call("resume", run_id)
    assert (said.code, said.out) == (0, f"sent resume to run {run_id}\n")
    assert call("watch", run_id).code == Code.COMPLETED
    assert call("resume", run_id, "--json").code == Code.FAILED


def test_a_cancelled_run_ends_with_6(live: Live, call: Call, run_id: str) -> None:
    with held(live, call, run_id):
        given = call("cancel", run_id, "--json")
        assert (given.code, given.json) == (0, {"run_id": run_id, "command": "cancel"})
        assert call("cancel", run_id).out == f"sent cancel to run {run_id}\n"
    said = call("watch", run_id)
    assert (said.code, said.out.split()[:2]) == (Code.STOPPED, [run_id, "cancelled"])
    assert f"next: sluice redrive {run_id}" in said.err
    assert call("cancel", run_id).code == Code.FAILED


def test_a_run_is_deleted_only_if_somebody_said_yes(live: Live, call: Call, run_id: str) -> None:
    start(call, run_id)
    asked = call("delete", run_id)
    assert (asked.code, asked.out) == (Code.USAGE, "")
    assert "--yes" in asked.err
    said = call("delete", run_id, "--yes", "--json")
    assert (said.code, said.json["run_id"]) == (0, run_id)
    start(call, run_id)
    said = call("delete", run_id, "--yes")
    assert said.code == 0
    assert said.out.startswith(f"run {run_id} is deleted: ")


@pytest.mark.parametrize("command", ["watch", "show", "pause", "resume", "cancel", "redrive", "failures", "rejected"])
def test_a_run_that_is_not_there_ends_with_5(live: Live, call: Call, command: str) -> None:
    said = call(command, "nobody-2026")
    assert (said.code, said.out) == (Code.NO_SUCH_RUN, "")
    assert "'nobody-2026'" in said.err
    assert call("delete", "nobody-2026", "--yes").code == Code.NO_SUCH_RUN


# --- looking


def test_show_prints_everything_about_a_run(live: Live, call: Call, run_id: str) -> None:
    start(call, run_id)
    said = call("show", run_id)
    assert said.code == 0
    assert said.out.startswith(f"{run_id}  demo  completed")
    for words in ("█", f"fetched {IDS} of {IDS}", "started", "reading", "style cursor", "sending", "actions"):
        assert words in said.out
    document = call("show", run_id, "--json").json
    assert (document["run_id"], document["status"], document["progress"]["enqueued"]) == (run_id, "completed", IDS)


def test_list_shows_runs_newest_first_and_goes_on_where_it_stopped(live: Live, call: Call, run_id: str) -> None:
    for number in (1, 2):
        start(call, f"{run_id}-{number}", source="demo-single")
    said = call("list", "--source", "demo-single")
    assert said.code == 0
    assert [line.split()[:3] for line in said.out.splitlines()][:3] == [
        ["run", "source", "status"],
        [f"{run_id}-2", "demo-single", "completed"],
        [f"{run_id}-1", "demo-single", "completed"],
    ]
    first = call("list", "--source", "demo-single", "--limit", "1", "--json").json
    assert [run["run_id"] for run in first["runs"]] == [f"{run_id}-2"]
    second = call("list", "--source", "demo-single", "--limit", "1", "--after", first["next"], "--json").json
    assert [run["run_id"] for run in second["runs"]] == [f"{run_id}-1"]
    assert "--after" in call("list", "--limit", "1").err
    assert call("list", "--status", "held", "--json").json["runs"] == []
    assert call("list", "--limit", "many").code == Code.USAGE


def test_sources_are_listed_with_what_is_wrong_with_them(live: Live, call: Call) -> None:
    said = call("sources")
    assert said.code == 0
    lines = {line.split()[0]: line for line in said.out.splitlines()}
    assert "cursor" in lines["demo"]
    assert "region" in lines["sales"]
    assert "pagination" in lines["crooked"]
    found = {one["name"]: one for one in call("sources", "--json").json["sources"]}
    assert (found["demo"]["problem"], found["sales"]["incremental"]) == (None, True)


def test_schedules_are_listed(live: Live, call: Call) -> None:
    said = call("schedules")
    assert said.code == 0
    heading, line = said.out.splitlines()
    assert (heading.split()[0], line.split()[0]) == ("source", "sales")
    (one,) = call("schedules", "--json").json["schedules"]
    assert (one["name"], one["schedule"].startswith("0 0 2 * * *")) == ("sales", True)


def test_a_watermark_is_shown_set_and_reset(live: Live, call: Call) -> None:
    us = ("--param", "region=us")
    assert (call("watermark", "show", "sales").code, call("watermark", "show", "sales", *us, "--json").code) == (0, 0)
    refused = call("watermark", "set", "sales", "2026-02-01", *us)
    assert (refused.code, "--yes" in refused.err) == (Code.USAGE, True)
    assert "The watermark of sales region=us is not set yet. Set it to 2026-02-01?" in refused.err
    assert call("watermark", "set", "sales", "2026-02-01T00:00:00Z", *us, "--yes").code == 0
    shown = call("watermark", "show", "sales", *us)
    assert "region=us" in shown.out
    assert "2026-02-01T00:00:00Z" in shown.out
    assert call("watermark", "show", "sales", "--json").json["value"] is None, "of the other region"
    again = call("watermark", "set", "sales", "2026-03-01T00:00:00Z", *us, "--yes", "--json").json
    assert (again["value"], again["previous"]) == ("2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z")
    gone = call("watermark", "reset", "sales", *us, "--yes", "--json")
    assert (gone.code, gone.json["value"]) == (0, None)
    assert call("watermark", "reset", "sales", *us, "--yes").code == 0
    said = call("watermark", "show", "demo")
    assert (said.code, said.out) == (Code.USAGE, "")
    assert call("watermark", "set", "sales", "yesterday", "--yes").code == Code.USAGE


# --- access


def test_login_keeps_url_and_key_for_the_user_alone(live: Live, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    said = call("login")
    assert said.code == 0
    assert stat.S_IMODE(profile.path().stat().st_mode) == 0o600
    assert live.key not in said.out + said.err
    assert call("login", "--json").json == {"url": live.url, "profile": str(profile.path())}
    for name in ("SLUICE_URL", "SLUICE_KEY"):
        monkeypatch.delenv(name)
    assert call("list", "--json").code == 0
    elsewhere = live.url.replace("127.0.0.1", "localhost")
    assert call("list", "--url", elsewhere).code == Code.NOT_ALLOWED, "the key is for its own URL alone"
    assert call("list", "--url", elsewhere, "--key", live.key).code == 0
    assert call("login", "--url", live.url, "--key", "wrong").code == Code.NOT_ALLOWED
    assert call("list").code == 0, "a key that the app refuses takes nobody's place"


def test_without_the_right_key_a_command_ends_with_4(live: Live, call: Call) -> None:
    for words in (["list"], ["watch", "any"], ["start", "demo"], ["sources"]):
        said = call(*words, "--key", "wrong")
        assert (said.code, said.out) == (Code.NOT_ALLOWED, "")
        assert "sluice login" in said.err


def test_an_app_that_is_not_there_ends_with_8(live: Live, call: Call) -> None:
    for words in (["list"], ["watch", "any"], ["login"]):
        said = call(*words, "--url", "http://127.0.0.1:1")
        assert (said.code, said.out) == (Code.UNREACHABLE, "")
        assert said.err.startswith("sluice: cannot reach http://127.0.0.1:1 (--url, SLUICE_URL): ")
        assert said.err.count("\n") == 1
    assert call("list", "--url", "127.0.0.1:1").code == Code.USAGE


def test_options_stand_before_or_behind_the_command(live: Live, call: Call) -> None:
    assert call("--url", "http://127.0.0.1:1", "--json", "sources").code == Code.UNREACHABLE
    assert call("--url", "http://127.0.0.1:1", "--json", "sources", "--url", live.url).json["sources"]


def test_open_prints_the_url_of_the_page(live: Live, call: Call) -> None:
    said = call("open")
    assert (said.code, said.out) == (0, f"{live.url}/api/ui\n")
    assert call("open", "orders-2026", "--json").json == {"url": f"{live.url}/api/ui#/runs/orders-2026"}


def test_the_project_installs_the_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"sluice": f"{main.__module__}:{main.__name__}"}


def test_the_command_says_which_version_it_is(call: Call) -> None:
    said = call("--version")
    assert (said.code, said.out) == (0, f"sluice {version('sluice')}\n")


def test_every_command_has_help_with_an_example(call: Call) -> None:
    def walk(command: Any, *words: str) -> Iterator[tuple[str, ...]]:
        yield words
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, *words, name)

    found = list(walk(sluice))
    assert len(found) == 1 + 18 + 3
    for words in found:
        said = call(*words, "--help")
        assert said.code == 0
        assert re.search(r"Example:\n +sluice ", said.out), words
        if words[-1:] != ("watermark",):
            assert {"--url", "--key", "--json"} <= {*said.out.split()}, words
