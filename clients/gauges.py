"""What the keeper measures at each look, for charts and alerts: the depth of each queue, the age of each watermark.

Azure's own metric is too coarse: it counts the messages of a whole account, once an hour.
"""

import logging
import os
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from azure.storage.blob.aio import ContainerClient

from activities.log import log
from ingestion.concealed import errors_concealed
from ingestion.deadline import in_time
from ingestion.errors import SluiceError
from ingestion.open_storage import Storage
from ingestion.run.watermark import ages
from ingestion.settings import Settings
from ingestion.source.description import described
from ingestion.source.description.file import read_tables
from ingestion.storage.account import Account
from ingestion.storage.failures import storage_errors

PATIENCE_SECONDS = 20.0


async def measure(storage: Storage, settings: Settings, now: datetime) -> None:
    """Log the depth of each queue and the age of each watermark. Log an error; the next look tries again."""
    try:
        async with in_time("measure queues and watermarks", PATIENCE_SECONDS):
            with errors_concealed(), storage_errors("measure queues and watermarks"):
                tables = read_tables(settings.sources)
                await _measure_queues(storage, settings, tables)
                await _measure_watermarks(storage.container, tables, now)
    except SluiceError as error:
        log("not_measured", "queues and watermarks were not measured", level=logging.WARNING, reason=str(error))


async def _measure_queues(storage: Storage, settings: Settings, tables: dict[str, Any]) -> None:
    shards = tuple(dict.fromkeys([*settings.shards, *_own_shards(settings, tables)]))
    for name, depth, poison_depth in await storage.queues.depths(settings.model_copy(update={"shards": shards})):
        log("queue_depth", "the depth of a queue", queue=name, depth=depth, poison_depth=poison_depth)


def _own_shards(settings: Settings, tables: dict[str, Any]) -> Iterator[tuple[Account, str]]:
    """Yield the queues that descriptions name. Skip a wrong description: a start of that source reports the mistake."""
    for name in _with_key(tables, "messages"):
        try:
            yield from described(settings, name, os.environ).settings.shards
        except SluiceError:
            continue


async def _measure_watermarks(container: ContainerClient, tables: dict[str, Any], now: datetime) -> None:
    incremental = _with_key(tables, "incremental")
    if not incremental:
        return
    async for slot, written_at in ages(container):
        source = slot.partition("/")[0]
        if source in incremental:
            seconds = round((now - written_at).total_seconds())
            log("watermark_age", "the age of a watermark", source=source, watermark=slot, seconds=seconds)


def _with_key(tables: dict[str, Any], key: str) -> list[str]:
    return [name for name, table in tables.items() if isinstance(table, dict) and key in table]
