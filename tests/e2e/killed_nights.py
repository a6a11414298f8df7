"""Five scheduled runs in real time, a minute apart, each with a `kill -9` in its middle: `make nights`."""

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

from local.demo.run_client import RunClient
from local.demo.settings import ApiSettings
from local.demo.stack import Stack
from tests.e2e.conftest import MakeStack
from tests.e2e.shop import Shop
from tests.faults.sending import texts_on

RUNS = 5
ORDERS = 2_000  # that change before each run, so that it lasts a second or two
SOURCE = """
[orders]
url = "%SHOP_URL%/orders"
items = "orders"
query = { since = "{from}" }
pagination = { style = "cursor", read = "next", send = "cursor", end = { one_page = true } }
schedule = "0 * * * * *"
incremental = { carry = "value", key = "updated_at", start = 2026-01-01T00:00:00Z, overlap = "1s" }
"""


def run_of(minute: datetime) -> str:
    return f"orders-{minute:%Y%m%dT%H%M}00Z"


def wait_for(stack: Stack, what: str, has_come: Callable[[], bool]) -> None:
    """Wait until a timer with an interval of a minute has done something."""
    give_up_at = time.monotonic() + 75
    while time.monotonic() < give_up_at:
        stack.check()
        if has_come():
            return
        time.sleep(0.05)
    raise AssertionError(f"{what} has not come")


def is_there(stack: Stack, run_id: str) -> bool:
    return httpx.get(f"{stack.devhost.url}/api/runs/{run_id}", timeout=30).is_success


@pytest.mark.parametrize("seed", [14])
def test_five_runs_that_are_killed_in_their_middle_give_the_log_of_the_shop(
    make_stack: MakeStack, tmp_path: Path, seed: int
) -> None:
    shop, drawn = Shop(seed, is_sorted=False), random.Random(seed)
    (tmp_path / "sources.toml").write_text(SOURCE)
    with shop.served() as url:
        own = {"SLUICE_SOURCES": str(tmp_path / "sources.toml"), "SHOP_URL": url, "SLUICE_CHUNK_SIZE": "200"}
        with make_stack(ApiSettings(ids=1), **own) as stack:
            reports = []
            wait_for(stack, "the schedule", lambda: "schedule_begun" in stack.devhost.printed())
            for _ in range(RUNS):
                shop.burst(datetime.now(UTC).replace(microsecond=0), ORDERS)
                minute = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
                wait_for(stack, run_of(minute), partial(is_there, stack, run_of(minute)))
                time.sleep(drawn.uniform(0, 1.5))
                stack.devhost.kill()
                stack.start_devhost()
                with RunClient(stack.devhost.url) as client:
                    *_, status = client.follow(run_of(minute), check=stack.check, patience_seconds=150)
                assert status["status"] == "completed", status
                reports.append(status["report"])
                print(run_of(minute), {name: reports[-1][name] for name in ("fetched", "possible_duplicates")})
            found = texts_on(stack.azurite, stack.queue)
    versions = {(json.loads(text)["id"], json.loads(text)["version"]) for text in found}
    assert versions == {(change.order, change.version) for change in shop.log}
    assert found.total() - len(found) <= sum(report["possible_duplicates"] for report in reports)
    assert sum(report["fetched"] for report in reports) == len(shop.log)
