"""The function app: which functions there are. What they do is in the folders that they come from."""

import azure.durable_functions as df
import azure.functions as func

from activities import enqueue_chunk, fetch_batch
from clients import get_run, start_run
from orchestrators import ingest_run

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

for module in (start_run, get_run, ingest_run, fetch_batch, enqueue_chunk):
    app.register_functions(module.blueprint)
