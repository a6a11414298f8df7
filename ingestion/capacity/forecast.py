"""The calculator of `sluice capacity`: the cost of runs of several sizes, as JSON, from a person's options.

An option becomes the app setting of the same meaning, if there is one, so that the app's own checks apply.
"""

from collections.abc import Iterable
from math import ceil
from pathlib import Path
from typing import NamedTuple, get_args

from ingestion.capacity.bound import passed
from ingestion.capacity.capacity import MEMORY_GB, Capacity, Work, capacity, idle
from ingestion.capacity.prices import Prices, load_prices
from ingestion.capacity.speed import SPEED
from ingestion.errors import InvalidInput
from ingestion.settings import Settings, load_settings
from ingestion.transactions import RESTS_ON, Backend
from ingestion.wire import JsonObject

SIZES = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000)
SPEED_RESTS_ON = (
    f"a queue takes {SPEED.queue_per_second:,.0f} messages a second and an account {SPEED.account_per_second:,.0f}, "
    "as Microsoft documents it; CPU of a worker as measured on a machine with two cores, without TLS"
)


class Asked(NamedTuple):
    """The options of `sluice capacity`; None stands for the default of the app."""

    shards: int = 1
    accounts: int = 1
    format: str | None = None
    backend: Backend = "storage"
    message_bytes: float = 20.0
    page_items: int = 1_000
    page_seconds: float = 0.2
    pages_at_once: int = 1
    pages_per_second: float | None = None
    chunk_size: int | None = None
    chunks_per_batch: int | None = None
    pack_messages: int | None = None
    max_messages_per_second: float | None = None
    workers: int | None = None
    memory_gb: float = MEMORY_GB
    prices: Path | None = None


def forecast(sizes: Iterable[int], asked: Asked) -> JsonObject:
    """Return the cost of runs of these sizes, one `runs` entry each, and of an idle app. Raise InvalidInput."""
    settings, prices = _settings(asked), load_prices(asked.prices, "--prices")
    runs = [_run(ids, asked, settings, prices) for ids in sizes]
    return {
        "asked": {name: str(value) if isinstance(value, Path) else value for name, value in asked._asdict().items()},
        "runs": runs,
        "idle_30_days": prices.money(idle(asked.backend, memory_gb=asked.memory_gb)).as_json(),
        "rests_on": [SPEED_RESTS_ON, RESTS_ON],
    }


def as_json(found: Capacity, prices: Prices, backend: Backend) -> JsonObject:
    """Return the cost of a run as JSON."""
    return {
        "seconds": round(found.seconds, 1),
        "limited_by": found.limited_by,
        "seconds_by": {name: round(seconds, 1) for name, seconds in found.seconds_by.items()},
        "instances": found.instances,
        **{name: getattr(found, name) for name in ("puts", "chunks", "batches", "windows")},
        "transactions": found.transactions.as_json(),
        "durable_actions": found.actions if backend == "dts" else None,
        "executions": round(found.executions),
        "gb_seconds": round(found.gb_seconds),
        "money": prices.money(found.billed).as_json(),
    }


def _run(ids: int, asked: Asked, settings: Settings, prices: Prices) -> JsonObject:
    work = Work(
        ids,
        asked.message_bytes,
        ceil(ids / asked.page_items),
        asked.page_seconds,
        asked.pages_at_once,
        asked.pages_per_second,
    )
    found = capacity(work, settings, backend=asked.backend, workers=asked.workers, memory_gb=asked.memory_gb)
    bounds = [bound._asdict() for bound in passed(work, found)]
    return {"ids": ids, "pages": work.pages, **as_json(found, prices, asked.backend), "bounds": bounds}


def _settings(asked: Asked) -> Settings:
    """Return the settings of an app with these options. Raise InvalidInput. The accounts get the queues in turn."""
    for name, value in asked._asdict().items():
        if isinstance(value, int | float) and value <= 0 and name != "page_seconds":
            raise InvalidInput(f"--{name.replace('_', '-')}", f"{value} is not allowed", "more than 0")
    if asked.backend not in get_args(Backend):
        raise InvalidInput("--backend", f"{asked.backend!r} is not a backend", ", ".join(get_args(Backend)))
    names = [f"ACCOUNT_{number}" for number in range(asked.accounts)]
    queues = [f"{names[number % len(names)]}/queue-{number:03}" for number in range(asked.shards)]
    given = {
        "SLUICE_MESSAGE_FORMAT": asked.format,
        "SLUICE_CHUNK_SIZE": asked.chunk_size,
        "SLUICE_CHUNKS_PER_BATCH": asked.chunks_per_batch,
        "SLUICE_PACK_MESSAGES": asked.pack_messages,
        "SLUICE_MAX_MESSAGES_PER_SECOND": asked.max_messages_per_second,
    }
    return load_settings(
        {
            "AzureWebJobsStorage__accountName": "storage",
            "SLUICE_QUEUES": ",".join(queues),
            **{f"{name}__accountName": name.lower().replace("_", "") for name in names},
            **{name: str(value) for name, value in given.items() if value is not None},
        }
    )
