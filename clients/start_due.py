"""Every minute, start the sources whose schedule is due (step 1 in docs/design.md)."""

import logging

import azure.durable_functions as df
import azure.functions as func

from activities.log import log
from clients.due import start_all_due
from ingestion import clock
from ingestion.concealed import errors_concealed
from ingestion.deadline import in_time
from ingestion.errors import SluiceError
from ingestion.open_storage import open_storage
from ingestion.settings import load_settings

blueprint = df.Blueprint()


@blueprint.timer_trigger(arg_name="timer", schedule="0 * * * * *")
@blueprint.durable_client_input(client_name="client")
async def start_due(timer: func.TimerRequest, client: df.DurableOrchestrationClient) -> None:
    """Start the sources that are due. Log an error; the next call tries again."""
    try:
        settings = load_settings()
        async with in_time("start what is due"):
            with errors_concealed():
                await start_all_due(client, settings, open_storage(settings), clock.now())
    except SluiceError as error:
        log("schedule_blocked", "nothing can be started", level=logging.WARNING, reason=str(error))
