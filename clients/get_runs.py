"""GET /api/runs: the runs of the app, newest first, from the index of all runs."""

from http import HTTPStatus

import azure.durable_functions as df
import azure.functions as func
from azure.core.exceptions import HttpResponseError

from clients.answer import answer, answered
from clients.query import not_a_token, read_count, read_moment, read_place, token_of
from ingestion.errors import InvalidInput, shown
from ingestion.open_storage import open_storage
from ingestion.run import run_index
from ingestion.run.run_index import Place, Wanted
from ingestion.run.run_report import LISTED
from ingestion.settings import load_settings

blueprint = df.Blueprint()

DEFAULT_LIMIT, MOST = 20, 100


@blueprint.route(route="runs", methods=["GET"])
async def get_runs(req: func.HttpRequest) -> func.HttpResponse:
    """Return a page of the list of runs: at most five requests to storage, however many runs there are."""
    return await answered(req, "list the runs", _listed(req))


async def _listed(req: func.HttpRequest) -> func.HttpResponse:
    wanted = Wanted(_statuses(req), req.params.get("source"), read_moment(req, "from"), read_moment(req, "to"))
    limit, after = read_count(req, "limit", default=DEFAULT_LIMIT, most=MOST), Place(*read_place(req, "runs", 2))
    container = open_storage(load_settings()).container
    try:
        page = await run_index.listed(container, wanted, limit, after)
    except HttpResponseError as error:
        if error.status_code == HTTPStatus.BAD_REQUEST and after.marker:  # the caller changed the token
            raise not_a_token() from None
        raise
    return answer({"runs": page.runs, "next": None if page.following is None else token_of("runs", *page.following)})


def _statuses(req: func.HttpRequest) -> frozenset[str]:
    given = req.params.get("status")
    statuses = frozenset(() if given is None else given.split(","))
    if unknown := sorted(statuses - LISTED):
        raise InvalidInput("status", f"the list of runs has no status {shown(unknown[0])}", ", ".join(sorted(LISTED)))
    return statuses
