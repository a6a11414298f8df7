"""Scheduled runs read only what is new: nothing is lost, and only a crash may repeat a message.

Fifty scheduled runs read a shop that changes every day. At a random storage call of each run the host dies, and another
one continues from its state file.
"""

import asyncio
import gc
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport
from azure.storage.blob import BlobLeaseClient, ContainerClient

from ingestion.sending.connection import Connection
from local.devhost.hub.clock import VirtualClock
from local.devhost.testing import RunningApp
from local.emulator import Azurite
from tests.app_host import ROOT, sluice
from tests.e2e.shop import Shop
from tests.faults.sending import texts_on

NIGHTS = 50
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
LAST_CALL = 60  # of a run at which a host may be gone; most runs make some more
PATIENCE_SECONDS = 60.0

SOURCE = """
[orders]
url = "%SHOP_URL%/orders"
items = "orders"
query = {{ since = "{{from}}" }}
pagination = {{ style = "cursor", read = "next", send = "cursor", end = {{ one_page = true }} }}
schedule = "0 0 2 * * *"
incremental = {{ carry = "value", key = "updated_at", start = 2026-01-01T00:00:00Z, {late} }}
"""


pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def no_remains() -> Iterator[None]:
    """Close what a dead host has left open before the next test."""
    yield
    gc.collect()


def run_of(day: datetime, hour: int = 2) -> str:
    return f"orders-{day:%Y%m%d}T{hour:02}0000Z"


class Storage:
    """Counts the calls to storage; the one numbered `ends_at` and later ones never return."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._calls, self._ends_at, self.gone = 0, 0, threading.Event()
        send, exchange = AioHttpTransport.send, Connection.exchange

        async def counted_send(transport: Any, *args: Any, **options: Any) -> Any:
            await self._come()
            return await send(transport, *args, **options)

        async def counted_exchange(connection: Any, *args: Any) -> Any:
            await self._come()
            return await exchange(connection, *args)

        monkeypatch.setattr(AioHttpTransport, "send", counted_send)
        monkeypatch.setattr(Connection, "exchange", counted_exchange)

    def end_at(self, call: int) -> None:
        """Let calls return again before the one with this number, counted from now; 0: all of them."""
        self._calls, self._ends_at = 0, call
        self.gone.clear()

    async def _come(self) -> None:
        self._calls += 1
        if self._calls == self._ends_at:
            self.gone.set()
        if self.gone.is_set():
            await asyncio.Event().wait()


class Nights:
    """A shop, a queue and a state file, used by one host after another."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, azurite: Azurite, name: str, shop: Shop) -> None:
        self._monkeypatch, self._folder, self._azurite, self._name, self.shop = monkeypatch, folder, azurite, name, shop
        self.storage, self.now, self.drops = Storage(monkeypatch), FIRST, 0
        self._sources = folder / "sources.toml"

    def describe(self, text: str) -> None:
        self._sources.write_text(text)

    @contextmanager
    def host(self) -> Iterator[RunningApp]:
        """Start a host at the time at which the one before stopped."""
        clock = VirtualClock(self.now)
        self._monkeypatch.setattr("ingestion.clock.now", clock.now)
        self.shop.clock = clock.now
        settings: dict[str, Any] = {
            "AzureWebJobsStorage": self._azurite.connection_string,
            "SLUICE_QUEUE": self._name,
            "SLUICE_CONTAINER": self._name,
            "SLUICE_SOURCES": str(self._sources),
            "SLUICE_CHECKPOINT_MESSAGES": "5",
            "SLUICE_CHUNK_SIZE": "15",
        }
        with sluice(self._monkeypatch, self._folder, clock=clock, **settings) as (app, _):
            yield app
            self.now = clock.now()

    def see_schedule(self) -> None:
        """Show the schedule to a host for the first time: the schedule begins at that time."""
        with self.host() as app:
            app.advance(timedelta(minutes=1))
            app.rest()

    def pass_night(self, day: datetime, ends_at: int = 0, *, hour: int = 2) -> None:
        """Advance to the hour of a day and wait for the end of its run; the host dies at that call to storage."""
        run_id = run_of(day, hour)
        self.storage.end_at(ends_at)
        for _ in range(10):
            with self.host() as app:
                due = day + timedelta(hours=hour)
                app.advance(max(due - self.now, timedelta(minutes=1)))
                has_ended = self._comes_to_its_end(app, run_id)
                if has_ended:
                    app.rest()
            if has_ended and not self.storage.gone.is_set():
                return
            self.drops += self.storage.gone.is_set()
            self.storage.end_at(0)
            self._break_lock(run_id)
        raise AssertionError(f"{run_id} does not come to its end")

    def _comes_to_its_end(self, app: RunningApp, run_id: str) -> bool:
        """Return whether the run has ended; not if the host has died, or the timer has not started it."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at and not self.storage.gone.is_set():
            instance = app.call(app.hub.get(run_id))
            if instance is not None and instance.is_terminal:
                assert instance.status == "Completed", instance.output_text
                return True
            time.sleep(0.01)
        return False

    def _break_lock(self, run_id: str) -> None:
        """Break the lease of the dead host, which would expire after fifteen seconds of real time."""
        with self.container() as container, suppress(HttpResponseError):  # no such lease
            BlobLeaseClient(container.get_blob_client(f"runs/{run_id}/request.json")).break_lease(0)

    def container(self) -> ContainerClient:
        return ContainerClient.from_connection_string(self._azurite.connection_string, self._name)

    def report(self, day: datetime, *, hour: int = 2) -> dict[str, Any]:
        """Return the report of the run of a night."""
        folder = f"runs/{run_of(day, hour)}/"
        with self.container() as container:
            (name,) = [name for name in container.list_blob_names(name_starts_with=folder) if "report" in name]
            found: dict[str, Any] = json.loads(container.download_blob(name).readall())
            return found


@pytest.mark.parametrize(("late", "is_sorted"), [('lag = "2h"', False), ('overlap = "3h"', True)])
def test_fifty_nights_give_the_log_of_the_shop_whenever_the_host_is_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, azurite: Azurite, queue_name: str, late: str, is_sorted: bool
) -> None:
    shop = Shop(seed=14, is_sorted=is_sorted)
    drawn = random.Random(f"{late} {is_sorted}")
    with shop.served() as url:
        monkeypatch.setenv("SHOP_URL", url)
        nights = Nights(monkeypatch, tmp_path, azurite, queue_name, shop)
        nights.describe(SOURCE.format(late=late))
        nights.see_schedule()
        days = [FIRST + timedelta(days=number) for number in range(1, NIGHTS + 1)]
        for number, day in enumerate(days):
            if number < NIGHTS - 2:  # what is late comes in the last two nights
                shop.day_of_changes(day - timedelta(days=1))
            nights.pass_night(day, drawn.randrange(1, LAST_CALL))

    reports = [nights.report(day) for day in days]
    assert {report["outcome"] for report in reports} == {"completed"}
    found = texts_on(azurite, queue_name)
    assert {(json.loads(text)["id"], json.loads(text)["version"]) for text in found} == {
        (change.order, change.version) for change in shop.log
    }
    doubles = Counter({text: count - 1 for text, count in found.items() if count > 1})
    assert doubles.total() <= sum(report["possible_duplicates"] for report in reports)
    assert nights.drops > NIGHTS / 2, "hosts that were gone"
    assert sum(report["fetched"] for report in reports) == len(shop.log)


@pytest.mark.parametrize(("page", "hour"), [("README.md", 2), ("docs/incremental.md", 1)])
def test_the_nightly_source_of_the_documentation_reads_only_what_is_new(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, azurite: Azurite, queue_name: str, page: str, hour: int
) -> None:
    shown = (ROOT / page).read_text().partition("<!-- nightly -->")[2].split("```")[1].removeprefix("toml\n")
    assert len(shown.splitlines()) <= 10
    shop = Shop(seed=15, is_sorted=True)
    with shop.served() as url:
        monkeypatch.setenv("SHOP_URL", url)
        monkeypatch.setenv("ORDERS_TOKEN", "secret")
        nights = Nights(monkeypatch, tmp_path, azurite, queue_name, shop)
        nights.describe(shown)
        nights.see_schedule()
        for number in range(1, 4):
            day = FIRST + timedelta(days=number)
            shop.burst(day - timedelta(hours=10), 30)
            nights.pass_night(day, hour=hour)
    reports = [nights.report(FIRST + timedelta(days=number), hour=hour) for number in range(1, 4)]
    assert [report["fetched"] for report in reports] == [30, 30, 30]
    highest = [(FIRST + timedelta(days=number, hours=-10)).isoformat().replace("+00:00", "Z") for number in (1, 2)]
    assert shop.asked[0] == "2026-01-01T00:00:00Z" or page == "docs/incremental.md"
    assert set(shop.asked[-2:]) <= {*highest}
    ids = texts_on(azurite, queue_name)
    assert ids == Counter(str(change.order) for change in shop.log)
