"""The keeper: every minute it asks the engine for each open run, and lets those go on that a crash has ended.

Enters: the tick of a timer. Leaves: runs that were recovered or whose ledger was closed, and log records. What is done
about a run is decided in `ingestion.run.keeping`; how it is done is in `clients.keeper`.
"""

import logging
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from activities.log import log
from clients.keeper import keep
from ingestion.deadline import in_time
from ingestion.errors import SluiceError
from ingestion.open_storage import open_storage
from ingestion.settings import keeper_seconds, load_settings
from ingestion.storage.failures import storage_errors

blueprint = df.Blueprint()


def schedule(seconds: int) -> str:
    """The NCRONTAB expression for every so many seconds: parts of a minute, or whole minutes that divide an hour."""
    if seconds < 60:
        return f"*/{seconds} * * * * *"
    return f"0 */{seconds // 60} * * * *" if seconds < 3_600 else "0 0 * * * *"


@blueprint.timer_trigger(arg_name="timer", schedule=schedule(keeper_seconds() or 60))
@blueprint.durable_client_input(client_name="client")
async def keep_runs(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Look at every open run of this task hub once. What keeps it from looking is logged; the next tick tries again."""
    try:
        container = open_storage(load_settings()).container
        async with in_time("look at all open runs"):
            with storage_errors("list the open runs"):
                await keep(client, container, datetime.now(UTC))
    except SluiceError as error:
        log("keeper_hindered", "the keeper could not look", level=logging.WARNING, reason=str(error))
