"""GET /api/openapi.json: the OpenAPI document of the HTTP API."""

import azure.durable_functions as df
import azure.functions as func

from clients.answer import answer, answered

blueprint = df.Blueprint()


@blueprint.route(route="openapi.json", methods=["GET"])
async def get_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """Return the OpenAPI document."""
    return await answered(req, "give the OpenAPI document", _document())


async def _document() -> func.HttpResponse:
    # Import here: the shapes take a tenth of the time to load the app, and nothing else needs them.
    from clients.openapi import document

    return answer(document())
