"""Every answer to GET about a run has the documented shape and an ETag, in every phase of the run."""

from typing import Any

import httpx

from clients.shapes import DurableUrls, Failures, Followed, Queues, Report, Run, Runs, Sources, Timeline
from tests.e2e.rig import IDS, REFUSED, Host, Rig


def look(host: Host) -> Any:
    """Return the run, after a check of its shape."""
    run = host.look()
    Run.model_validate(run, strict=True)
    return run


def test_answers_about_a_run_have_their_shape_from_start_to_end(rig: Rig) -> None:
    rig.refused = {1, 6}
    with rig.host() as host:
        started = host.http.post("/api/runs", json={"source": "demo", "run_id": "other", "from": 1})
        assert started.status_code == 400
        DurableUrls.model_validate(host.start_held(12, tolerated_failures="50%").json())
        run = look(host)
        assert (run["status"], run["actions"]) == ("running", ["pause", "cancel"])
        none = host.http.get("/api/runs/run/report")
        assert (none.status_code, "no report yet" in none.json()["detail"]) == (404, True)
        assert run["chunks"]["cells"][:8] == "dfddddfd"
        assert (run["reading"]["style"], run["reading"]["page_size"]) == ("cursor", 1_000)
        assert (run["sending"]["queues"], run["sending"]["format"]) == ([rig.name], "raw")
        assert run["estimate"]["total"] == IDS
        assert host.ask("pause").status_code == 202
        [listed] = host.http.get("/api/runs").json()["runs"]
        assert listed["status"] == "paused"
        rig.gate.open()
        run = host.wait_for("paused")
        assert run["actions"] == ["resume", "cancel"]
        assert (run["estimate"]["seconds_left"], "pause" in run["estimate"]["rests_on"]) == (None, True)
        look(host)
        assert host.ask("resume").status_code == 202
        host.app.wait("run")
        run = look(host)
        assert (run["status"], run["actions"]) == ("completed_with_failures", ["redrive", "delete"])
        assert run["chunks"] == {"total": 23, "per_cell": 1, "cells": "dfddddf" + 16 * "d"}
        assert run["ended_at"] == run["report"]["finished_at"]
        failed = host.http.get("/api/runs/run/failures").json()
        Failures.model_validate(failed, strict=True)
        [group] = failed["groups"]
        assert (group["reason"], group["chunks"], group["messages"]) == (REFUSED, 2, 50)
        assert (sorted(group["examples"]), failed["next"]) == ([1, 6], None)
        report = host.http.get("/api/runs/run/report").json()
        Report.model_validate(report, strict=True)
        assert report["outcome"] == "completed_with_failures"
        queues = host.http.get("/api/runs/run/queues").json()
        Queues.model_validate(queues, strict=True)
        assert queues["queues"] == [{"name": rig.name, "depth": IDS - 50, "poison_depth": 0}]
        assert (queues["depth"], queues["poison_depth"]) == (IDS - 50, 0)
        rig.refused = ()
        redriven = host.http.post("/api/runs/run/redrive?links=none")
        assert (redriven.status_code, redriven.json()) == (202, {"run_id": "run", "status_url": "/api/runs/run"})
        host.app.wait("run")
        run = look(host)
        assert (run["status"], run["actions"], run["chunks"]["cells"]) == ("completed", ["delete"], 23 * "d")
        assert host.http.get("/api/runs/run/failures").json() == {"groups": [], "next": None}
        assert host.http.get("/api/runs/run/rejected").json() == {"groups": [], "next": None}
        known = host.http.get("/api/runs/run")
        again = host.http.get("/api/runs/run", headers={"If-None-Match": known.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        runs = host.http.get("/api/runs").json()
        Runs.model_validate(runs, strict=True)
        [listed] = runs["runs"]
        assert (listed["status"], listed["enqueued"], runs["next"]) == ("completed", IDS, None)
        timeline = host.http.get("/api/runs/run/timeline").json()
        Timeline.model_validate(timeline, strict=True)
        events = [one["event"] for one in timeline["events"]]
        assert [one for one in events if one not in ("failed", "source_ended")] == [
            "started", "pause", "resume", "ended", "redriven", "ended"
        ]  # fmt: skip
        assert {"failed", "source_ended"} <= {*events}
        assert {**timeline["points"][-1], "at": "", "seconds": 0} == {
            "at": "", "seconds": 0, "fetched": IDS, "enqueued": IDS, "rejected": 0, "failed": 0
        }  # fmt: skip
        assert (run["reading"]["refused"], run["reading"]["page_size_got"], run["reading"]["pages"]) == (0, 100, 6)
        assert host.http.get("/api/runs/nobody/timeline").status_code == 404
        host.purge_history("run")
        assert look(host)["chunks"]["cells"] == 23 * "d", "from the ledger alone"


def test_a_start_without_links_shows_no_key(rig: Rig) -> None:
    with rig.host() as host:
        body = {"source": "demo", "run_id": "run", "chunk_size": 25}
        started = host.http.post("/api/runs?links=none", json=body)
        assert started.status_code == 202
        assert Followed(**started.json()).status_url == "/api/runs/run" == started.headers["Location"]
        host.wait()
        assert host.http.post("/api/runs?links=none", json=body).status_code == 200
        refused: httpx.Response = host.http.post("/api/runs?links=all", json=body)
        assert (refused.status_code, refused.json()["field"]) == (400, "links")


def test_sources_are_listed_with_host_and_parameters_and_without_the_rest_of_the_url(rig: Rig) -> None:
    file = rig.folder / "sources.toml"
    rig.settings |= {"SLUICE_SOURCES": str(file), "SECRET_KEY": "open-sesame"}
    file.write_text("""
[nightly]
url = "https://api.example.com:8443/v2/orders?key=%SECRET_KEY%"
items = "data"
query = { since = "{from}", region = "{region}" }
pagination = { style = "none" }
schedule = "0 0 2 * * *"
time_zone = "Europe/Berlin"
parameters = { region = { allowed = ["eu", "us"], default = "eu" } }
incremental = { carry = "value", key = "updated_at", start = 2024-01-01T00:00:00Z }

[broken]
url = "https://api.example.com/"
items = 7
pagination = { style = "none" }
""")
    with rig.host() as host:
        answer = host.http.get("/api/sources")
        found = answer.json()
        Sources.model_validate(found, strict=True)
        nightly, broken = found["sources"]
        assert nightly["parameters"] == {"region": {"allowed": ["eu", "us"], "pattern": None, "default": "eu"}}
        assert (nightly["host"], nightly["style"], nightly["incremental"]) == ("api.example.com:8443", "none", True)
        assert nightly["schedule"] == "0 0 2 * * * Europe/Berlin"
        assert nightly["next_due"].endswith("+00:00")
        assert (broken["description_ok"], broken["host"], "items" in broken["problem"]) == (False, None, True)
        assert "open-sesame" not in answer.text
        assert "/v2/" not in answer.text
