"""The answer to a start or a redrive: where to follow the run.

By default it has the URLs of Durable Functions, each with the extension's system key; `?links=none` leaves them out.
"""

import azure.durable_functions as df
import azure.functions as func

from clients.answer import answer
from ingestion.errors import InvalidInput, shown

RETRY_AFTER_SECONDS = "5"


def has_links(req: func.HttpRequest) -> bool:
    """Return whether the caller wants the durable URLs. Raise InvalidInput."""
    wanted = req.params.get("links")
    if wanted not in (None, "none"):
        raise InvalidInput("links", f"{shown(wanted)} is not allowed", "none, or to leave it out")
    return wanted is None


def follow(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, run_id: str, *, ended: bool = False
) -> func.HttpResponse:
    """Return 202 with the URLs to follow the run, 200 if it has ended."""
    if not has_links(req):
        url = f"/api/runs/{run_id}"
        headers = {} if ended else {"Location": url, "Retry-After": RETRY_AFTER_SECONDS}
        return answer({"run_id": run_id, "status_url": url}, 200 if ended else 202, headers)
    if ended:
        return answer(client.get_client_response_links(req, run_id))
    response: func.HttpResponse = client.create_check_status_response(req, run_id)
    response.headers["Retry-After"] = RETRY_AFTER_SECONDS
    return response
