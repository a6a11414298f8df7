"""The keeper: a timer that looks at every open run, and recovers a run that a crash has ended.

`ingestion.run.keeping` decides what to do about a run; `clients.keeper` does it. Once a day the keeper also deletes old
ledgers.
"""

import logging

import azure.durable_functions as df
import azure.functions as func

from activities.log import log
from clients.gauges import measure
from clients.keeper import keep
from clients.sweeping import sweep_daily
from ingestion import clock
from ingestion.concealed import errors_concealed
from ingestion.deadline import in_time
from ingestion.errors import SluiceError
from ingestion.open_storage import open_storage
from ingestion.settings import keeper_seconds, load_settings
from ingestion.storage.failures import storage_errors

blueprint = df.Blueprint()


def schedule(seconds: int) -> str:
    """Return the NCRONTAB expression for an interval: seconds that divide a minute, or minutes that divide an hour."""
    if seconds < 60:
        return f"*/{seconds} * * * * *"
    return f"0 */{seconds // 60} * * * *" if seconds < 3_600 else "0 0 * * * *"


@blueprint.timer_trigger(arg_name="timer", schedule=schedule(keeper_seconds() or 60))
@blueprint.durable_client_input(client_name="client")
async def keep_runs(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Look at every open run of this task hub, and once a day delete old ledgers.

    Log an error instead of raising it; the next call tries again.
    """
    try:
        settings = load_settings()
        storage = open_storage(settings)
        container = storage.container
        async with in_time("look at all open runs"):
            with errors_concealed(), storage_errors("list the open runs"):
                await keep(client, container, clock.now())
        log("keeper_looked", "the keeper has looked at the open runs")
        await measure(storage, settings, clock.now())
        await sweep_daily(container, settings.ledger_days, clock.now())
    except SluiceError as error:
        log("keeper_hindered", "the keeper could not look at the open runs", level=logging.WARNING, reason=str(error))
