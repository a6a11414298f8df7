"""A source that names a wrong total: the way out that the runbook describes."""

from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.e2e.rig import Rig

DESCRIPTION = """
[short]
url = "%SLUICE_SHORT_URL%"
items = "items"
total = "total"
pagination = {{ style = "cursor", read = "next", send = "cursor", end = {end} }}
"""


async def page(request: web.Request) -> web.Response:
    is_second = "cursor" in request.query
    return web.json_response({"items": ["b"]} if is_second else {"items": ["a"], "next": "2", "total": 3})


def test_a_wrong_total_with_exact_total_is_accepted_by_removing_the_key_and_a_redrive(rig: Rig, tmp_path: Path) -> None:
    sources = tmp_path / "sources.toml"
    sources.write_text(DESCRIPTION.format(end="{ exact_total = true }"))
    app = web.Application()
    app.router.add_get("/", page)
    with rig.host() as host:
        server = TestServer(app)
        host.app.call(server.start_server())
        rig.monkeypatch.setenv("SLUICE_SOURCES", str(sources))
        rig.monkeypatch.setenv("SLUICE_SHORT_URL", str(server.make_url("/")))
        host.start(source="short")
        run = host.wait()
        assert (run["status"], run["report"]["source_exhausted"]) == ("failed", False)
        assert "after 2 items, but says that it has 3" in run["error"]

        sources.write_text(DESCRIPTION.format(end="{}"))
        assert host.ask("redrive").status_code == 202
        host.wait_for("held")
        assert host.ask("resume").status_code == 202
        run = host.wait()
        assert (run["status"], run["report"]["enqueued"]) == ("completed_with_other_total", 2)
        host.app.call(server.close())
