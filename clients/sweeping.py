"""The sweep of the day: the keeper deletes ledgers that are older than SLUICE_LEDGER_DAYS.

A blob says when they were swept last, so that of many processes one sweeps. Each asks it once an hour at most.
"""

import logging
from datetime import datetime, timedelta

from azure.storage.blob.aio import ContainerClient

from activities.log import log
from ingestion.deadline import in_time, seconds_to_begin
from ingestion.errors import first_line
from ingestion.run.clean_up import claim_sweep, give_back_sweep, sweep

AN_HOUR = timedelta(hours=1)
MOST = 200  # runs that one look sweeps: the next one goes on, and the open runs do not wait
asked_at: dict[str, datetime] = {}  # when this process asked last, for each container


async def sweep_daily(container: ContainerClient, days: int, now: datetime) -> None:
    """Sweep the ledgers that are older than so many days, unless that was done today; 0 days: never.

    Log an error instead of raising it: it must not hinder the keeper. The next day tries again.
    """
    last = asked_at.get(container.url)
    if not days or (last is not None and now - last < AN_HOUR):
        return
    asked_at[container.url] = now
    try:
        async with in_time("sweep old ledgers", seconds_to_begin() / 2):
            if not await claim_sweep(container, now):
                return
            swept = await sweep(container, now - timedelta(days=days), most=MOST)
            if len(swept) == MOST:
                del asked_at[container.url]
                await give_back_sweep(container)
    except Exception as error:
        log("sweep_failed", "old ledgers were not deleted", level=logging.WARNING, reason=first_line(error), days=days)
        return
    if swept:
        log("ledgers_swept", "old ledgers were deleted", runs=len(swept), days=days)
