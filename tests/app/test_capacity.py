"""The estimate of a run: time by its slowest part, requests as on the real host, and money."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ingestion.capacity.bound import passed
from ingestion.capacity.capacity import LIMITS, Capacity, Work, capacity, idle
from ingestion.capacity.prices import FILE, Prices, load_prices
from ingestion.capacity.speed import SPEED, Speed
from ingestion.errors import InvalidInput
from ingestion.run.timeline import MOST_APPENDS
from ingestion.settings import Settings, load_settings
from ingestion.transactions import IDLE_SECOND, backend_of
from tests.app_host import NO_STORAGE, ROOT

QUICK = Work(1_000_000, pages=1_000, page_seconds=0.01)  # a source that never limits


def settings(**names: str) -> Settings:
    return load_settings({"AzureWebJobsStorage": NO_STORAGE, **names})


def found(work: Work = QUICK, given: dict[str, str] | None = None, **more: Any) -> Capacity:
    return capacity(work, settings(**(given or {})), **more)


FOUR = {"SLUICE_QUEUES": "a-1,a-2,a-3,a-4"}
PACKED = {"SLUICE_MESSAGE_FORMAT": "packed"}


@pytest.mark.parametrize(
    ("work", "given", "more", "limit"),
    [
        (QUICK, {}, {}, "queues"),
        (QUICK, {"SLUICE_MAX_MESSAGES_PER_SECOND": "100"}, {}, "ceiling"),
        (QUICK, FOUR, {"workers": 1}, "workers"),
        (QUICK, FOUR, {"speed": SPEED._replace(account_per_second=1_000.0)}, "accounts"),
        (QUICK._replace(page_seconds=5.0), {}, {}, "source"),
        (QUICK._replace(pages_per_second=0.5), {}, {}, "source"),
        (QUICK._replace(page_seconds=0.0), PACKED, {"speed": SPEED._replace(window_seconds=60.0)}, "windows"),
        (QUICK._replace(page_seconds=0.0), PACKED, {"speed": SPEED._replace(window_seconds=0.1)}, "chunks"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_slowest_part_of_a_run_sets_its_pace(
    work: Work, given: dict[str, str], more: dict[str, Any], limit: str
) -> None:
    estimate = found(work, given, **more)
    assert estimate.limited_by == limit
    assert estimate.seconds_by.keys() == LIMITS.keys()
    assert max(estimate.seconds_by.values()) <= estimate.seconds <= sum(estimate.seconds_by.values()) + 3


def test_what_is_read_while_the_rest_is_sent_costs_no_time_of_its_own() -> None:
    sending = found(QUICK._replace(page_seconds=0.0)).seconds
    both = found(QUICK._replace(page_seconds=0.5)).seconds  # as long as it takes to send
    assert both == pytest.approx(sending + 500 / 10, rel=0.01)  # the first of ten batches


def test_as_many_instances_are_counted_as_keep_the_queues_busy_and_no_more_than_a_window_occupies() -> None:
    assert found().instances == 1
    assert found(given=FOUR).instances == 2
    many, large = {"SLUICE_QUEUES": ",".join(f"a-{number}" for number in range(50))}, {"SLUICE_CHUNKS_PER_BATCH": "80"}
    speed = SPEED._replace(account_per_second=1e6)
    assert found(given=many, speed=speed).instances == 20 / 5
    assert found(given={**many, **large}, speed=speed, chunks_at_once=10).instances == 80 / 10


def test_more_queues_and_packs_take_less_time_and_packs_fewer_requests() -> None:
    raw, sharded, packed = found(), found(given=FOUR), found(given=PACKED)
    assert raw.seconds > sharded.seconds > packed.seconds
    assert packed.transactions.total < raw.transactions.total / 100


REAL_HOST = [  # section 7b of what the real host was seen to do; a look at the status every 0.5 s counts as a read
    pytest.param(60_000, {}, 90, 61_081, id="60,000 ids raw"),
    pytest.param(500_000, {**PACKED, "SLUICE_PACK_MESSAGES": "1000"}, 21, 2_526, id="500,000 ids packed"),
]


@pytest.mark.parametrize(("ids", "given", "seconds", "requests"), REAL_HOST)
def test_the_requests_of_the_real_hosts_runs_are_estimated_within_a_fifth(
    ids: int, given: dict[str, str], seconds: float, requests: int
) -> None:
    """Fed with those two runs: their ids, and how long they took."""
    work, at_once = Work(ids, pages=ids // 1_000, page_seconds=0.001), Speed(1e9, 1e9, 0, 0, 0, 0, 0)
    rest = seconds - found(work, given, speed=at_once).seconds
    estimate = found(work, given, speed=at_once._replace(start_and_end_seconds=rest))
    assert estimate.chunks == ids / 5_000
    assert estimate.seconds == pytest.approx(seconds)
    polled = seconds * (3.76 - IDLE_SECOND.durable_queue)  # those hosts polled idle queues each second, not each 30 s
    assert estimate.transactions.total + polled == pytest.approx(requests, rel=0.2)


def test_the_packed_run_of_the_real_host_is_told_to_take_as_long_as_it_did() -> None:
    told = found(Work(500_000, pages=500, page_seconds=0.01), PACKED, workers=1)
    assert told.seconds == pytest.approx(21, rel=0.2)


def test_the_scheduler_asks_nothing_of_storage_and_counts_actions() -> None:
    storage, dts = found(), found(backend="dts")
    assert (dts.transactions.durable_queue, dts.transactions.durable_table) == (0, 0)
    assert (storage.actions, storage.transactions.durable_queue > 0) == (0, True)
    activities = dts.chunks + dts.batches + dts.windows + 1
    assert dts.actions == 2 * activities + dts.windows
    assert dts.transactions.blob_writes == storage.transactions.blob_writes


def test_the_backend_is_read_from_host_json() -> None:
    assert backend_of({}, ROOT / "host.json") == "storage"
    assert backend_of({}, ROOT / "infra" / "host.dts.json") == "dts"


def test_an_idle_app_is_billed_for_its_instance_and_what_it_polls() -> None:
    storage, dts, scaled_to_zero = idle("storage"), idle("dts"), idle("storage", always_ready=0)
    assert storage["queue_operations"] == pytest.approx(432_000)
    assert (dts["queue_operations"], dts["table_operations"]) == (0, 0)
    assert dts["always_ready_gb_seconds"] == 2 * 30 * 24 * 3600
    assert not any(scaled_to_zero.values())


# --- money


def test_each_price_says_its_region_its_day_and_its_source() -> None:
    prices = load_prices()
    assert prices.currency == "USD"
    assert all(one.region and one.source and date(2026, 1, 1) < one.read for one in prices.of.values())
    assert prices.of.keys() >= {*found().billed} - {"durable_actions"}


def test_the_sum_is_that_of_its_parts_and_names_what_has_no_price() -> None:
    prices = load_prices()
    money = prices.money(found(backend="dts").billed)
    assert money.total == pytest.approx(sum(money.parts.values()))
    assert money.without == ["durable_actions"]
    assert prices.money(found().billed).without == []
    assert money.parts["queue_operations"] == pytest.approx(found(backend="dts").transactions.queue * 0.004 / 10_000)
    for part in ("eastus", "2026-11-26", "check them"):
        assert part in money.rests_on


def test_a_price_table_of_the_user_replaces_the_default(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    price = 'price = 1.0\nper = 1_000_000\nregion = "x"\nread = 2027-01-01\nsource = "y"\n'
    own.write_text(f'currency = "EUR"\n[durable_actions]\n{price}')
    money = load_prices(own).money(found(backend="dts").billed)
    assert (money.currency, [*money.parts]) == ("EUR", ["durable_actions"])
    assert "blob_writes" in money.without


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "currency"),
        ("currency = ", "cannot be read"),
        ('currency = "USD"\n[coffee]\nprice = 1', "coffee"),
        ('currency = "USD"\n[executions]\nprice = -1\nper = 1\nregion = "x"\nread = 2027-01-01\nsource = "y"', "price"),
        ('currency = "USD"\n[executions]\nprice = 1\nper = 0\nregion = "x"\nread = 2027-01-01\nsource = "y"', "per"),
        ('currency = "USD"\n[executions]\nprice = 1\nper = 1', "region"),
    ],
)
def test_a_price_table_that_cannot_be_used_is_refused_with_the_setting_and_the_place(
    text: str, named: str, tmp_path: Path
) -> None:
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(InvalidInput, match=named) as raised:
        load_prices(tmp_path / "prices.toml")
    assert raised.value.field == "SLUICE_PRICES"
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_prices(tmp_path / "missing.toml")


def test_the_price_table_is_data_that_a_user_can_copy() -> None:
    assert isinstance(load_prices(FILE), Prices)
    assert tomllib.loads(FILE.read_text())["currency"] == "USD"


# --- where it stops


@pytest.mark.parametrize(
    ("work", "given", "name"),
    [
        (Work(200_000_000, pages=200_000), {}, "max_pages"),
        (Work(10_000_000_000, pages=10_000_000), {}, "fingerprints"),
        (Work(3_000_000_000, pages=3_000), {}, "timeline"),
        (Work(10_000_000_000, pages=1_000), {}, "clean-up"),
        (Work(1_000_000_000, pages=1_000_000), PACKED, "one chain of pages"),
        (Work(10_000_000_000, pages=1_000, page_seconds=0.1), {**FOUR, **PACKED}, "one orchestrator"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bound_says_what_to_change(work: Work, given: dict[str, str], name: str) -> None:
    by_name = {bound.name: bound for bound in passed(work, found(work, given))}
    assert by_name[name].then
    assert by_name[name].change


def test_a_run_of_a_million_passes_no_bound() -> None:
    assert [*passed(QUICK, found())] == []


def test_larger_windows_keep_the_timeline_whole() -> None:
    work = Work(10_000_000_000, pages=1_000)
    assert 2 * found(work).windows > MOST_APPENDS
    large = {"SLUICE_CHUNK_SIZE": "50000", "SLUICE_CHUNKS_PER_BATCH": "80", "SLUICE_CHUNK_BYTES": "67108864"}
    assert [bound.name for bound in passed(work, found(work, large))] == []
