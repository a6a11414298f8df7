"""Register every function of the app. The code is in `clients`, `orchestrators` and `activities`."""

import azure.durable_functions as df
import azure.functions as func

from activities import enqueue_chunk, fetch_batch, finish_run, load_failed, record_failed, record_window
from clients import (
    control_run,
    delete_run,
    get_ledger,
    get_openapi,
    get_queues,
    get_run,
    get_runs,
    get_sources,
    keep_runs,
    page,
    plan_run,
    redrive_run,
    start_due,
    start_run,
    watermark,
)
from ingestion.settings import keeper_seconds, sources_file
from ingestion.source.description import has_schedule
from ingestion.telemetry import switch_on
from orchestrators import ingest_run

switch_on()
app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

CLIENTS = (
    start_run,
    plan_run,
    get_runs,
    get_run,
    get_ledger,
    get_queues,
    get_sources,
    get_openapi,
    control_run,
    redrive_run,
    delete_run,
    watermark,
    page,
)
ACTIVITIES = (fetch_batch, enqueue_chunk, record_window, record_failed, load_failed, finish_run)

TIMERS = (
    *((keep_runs,) if keeper_seconds() else ()),
    *((start_due,) if has_schedule(sources_file()) else ()),
)

get_sources.has_timer = start_due in TIMERS

for module in (*CLIENTS, *TIMERS, ingest_run, *ACTIVITIES):
    app.register_functions(module.blueprint)
