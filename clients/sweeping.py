"""The daily sweep: the keeper deletes ledgers that are older than SLUICE_LEDGER_DAYS.

A blob has the time of the last sweep, so that only one of many processes sweeps. Each process reads the blob at most
once an hour.
"""

import logging
from datetime import datetime, timedelta

from azure.storage.blob.aio import ContainerClient

from activities.log import log
from ingestion.deadline import in_time, seconds_to_begin
from ingestion.errors import first_line
from ingestion.run.clean_up import claim_sweep, give_back_sweep, sweep

AN_HOUR = timedelta(hours=1)
MOST = 200  # runs in one look; the next look sweeps more, so that the open runs do not wait
asked_at: dict[str, datetime] = {}  # by container: when this process last read the blob


async def sweep_daily(container: ContainerClient, days: int, now: datetime) -> None:
    """Delete the ledgers that are older than `days`, unless that was done today. If `days` is 0, delete none.

    Log an error instead of raising it, because it must not stop the keeper. The next day tries again.
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
