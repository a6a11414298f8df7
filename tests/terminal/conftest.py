"""The terminal with a running devhost that needs a key; one for all tests of a file."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.demo.settings import ApiSettings
from local.demo.stack import DEMO_SOURCES
from local.devhost.http.keys import key_file
from local.emulator import Azurite, Server
from terminal.main import run
from tests.app_host import ROOT
from tests.e2e.rig import Host, Rig
from tests.e2e.small_api import SmallApi

IDS = 120  # of the demo API: one batch
SOURCES = """
[marked]
url = "%SMALL_URL%/marked"
items = "value"
message = "id"
pagination = { style = "none" }
messages = { encoding = "none" }

[sales]
url = "%SMALL_URL%/{region}/sales"
items = "value"
message = "id"
query = { since = "{from}", until = "{to}" }
pagination = { style = "none" }
incremental = { carry = "clock", start = 2026-01-01T00:00:00Z, form = "date" }
schedule = "0 0 2 * * *"

[sales.parameters]
region = { allowed = ["eu", "us"], default = "eu" }

[crooked]
url = "%SMALL_URL%/crooked"
items = "value"
message = "id"
pagination = { style = "sideways" }
"""
MARKED = ["a", "\x1b[31mb", "c"]  # the queue takes no escape, since that is no XML, and a terminal must not obey it


class Live(NamedTuple):
    """The app, its environment, its URL and its key."""

    host: Host
    rig: Rig
    url: str
    key: str


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, azurite: Azurite) -> Iterator[Live]:
    """One app for all tests of a file."""
    folder, api = tmp_path_factory.mktemp("terminal"), SmallApi()
    api.answer = lambda path, query: (200, {"value": [{"id": one} for one in MARKED]})
    demo = Server("demo API", "local.demo.api", *ApiSettings(ids=IDS, page_size=100).flags(), log=folder / "api.log")
    with demo, api.served() as url, pytest.MonkeyPatch.context() as monkeypatch:
        rig = Rig(monkeypatch, folder, azurite, f"terminal-{uuid.uuid4().hex[:12]}", demo.url)
        described = (ROOT / DEMO_SOURCES).read_text(encoding="utf-8") + SOURCES
        (folder / "sources.toml").write_text(described, encoding="utf-8")
        rig.settings = {"SLUICE_SOURCES": str(folder / "sources.toml"), "SMALL_URL": url}
        with rig.host(time_flies=False, enable_auth=True) as host:
            keys = json.loads(key_file(folder / "first" / "devhost.db").read_bytes())
            yield Live(host, rig, host.app.url, keys["host"])


@pytest.fixture
def live(served: Live, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Live]:
    """The app with a queue that accepts everything, and an environment that names the app."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("SLUICE_URL", served.url)
    monkeypatch.setenv("SLUICE_KEY", served.key)
    monkeypatch.setattr("terminal.following.POLL_SECONDS", 0.05)
    served.rig.refused, served.rig.gated = (), float("inf")
    yield served
    served.rig.gate.open()
    served.host.app.rest()


class Said(NamedTuple):
    """The result of a call: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the JSON on stdout."""
        return json.loads(self.out)


Call = Callable[..., Said]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls `sluice` in this process."""

    def call(*words: str) -> Said:
        capsys.readouterr()
        code = run([*words])
        return Said(int(code), *capsys.readouterr())

    return call
