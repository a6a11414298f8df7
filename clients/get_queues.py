"""GET /api/runs/{run_id}/queues: the depth of the queues of a run, and of their poison queues."""

import azure.durable_functions as df
import azure.functions as func

from clients.answer import about_run, answer, known_request
from clients.brief_cache import BriefCache
from ingestion.open_storage import open_storage
from ingestion.run.pinned import pinned_now
from ingestion.settings import load_settings
from ingestion.wire import JsonObject

blueprint = df.Blueprint()

KEPT = BriefCache()  # of this process


@blueprint.route(route="runs/{run_id}/queues", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
@about_run("look at the queues of run {}")
async def get_queues(req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str) -> func.HttpResponse:
    """Return roughly how many messages wait in each queue of the run's source; a figure is at most 15 s old."""
    settings = load_settings()
    storage = open_storage(settings)
    request = await known_request(storage.container, run_id)
    sent = pinned_now(settings, request["request"]["source"]).settings

    async def look() -> list[JsonObject]:
        return [queue._asdict() for queue in await storage.queues.depths(sent)]

    queues = await KEPT.get(sent.shards, look)
    return answer({"queues": queues, **{name: _sum(queues, name) for name in ("depth", "poison_depth")}})


def _sum(queues: list[JsonObject], name: str) -> int | None:
    known = [queue[name] for queue in queues if queue[name] is not None]
    return sum(known) if known else None
