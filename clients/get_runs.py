"""GET /api/runs: the runs of the app, newest first, from the index of all runs."""

import base64
import json
from datetime import datetime

import azure.durable_functions as df
import azure.functions as func

from clients.answer import answer, answered
from ingestion.errors import InvalidInput, shown
from ingestion.moment import moment
from ingestion.open_storage import open_storage
from ingestion.run import run_index
from ingestion.run.run_index import Place, Wanted
from ingestion.run.run_report import STATUSES
from ingestion.settings import load_settings

blueprint = df.Blueprint()

DEFAULT_LIMIT, MOST = 20, 100


@blueprint.route(route="runs", methods=["GET"])
async def get_runs(req: func.HttpRequest) -> func.HttpResponse:
    """Return a page of the list of runs: at most five requests to storage, however many runs there are."""
    return await answered(req, "list the runs", _listed(req))


async def _listed(req: func.HttpRequest) -> func.HttpResponse:
    wanted = Wanted(_statuses(req), req.params.get("source"), _moment(req, "from"), _moment(req, "to"))
    limit, after = read_limit(req), read_token(req)
    container = open_storage(load_settings()).container
    page = await run_index.listed(container, wanted, limit, None if after is None else Place(*after))
    return answer({"runs": page.runs, "next": None if page.following is None else token_of(*page.following)})


def read_limit(req: func.HttpRequest, default: int = DEFAULT_LIMIT) -> int:
    """Return how many the caller wants on a page. Raise InvalidInput."""
    given = req.params.get("limit", str(default))
    if not (given.isascii() and given.isdecimal() and len(given) < 9 and 1 <= int(given) <= MOST):
        raise InvalidInput("limit", f"{shown(given)} is no number of runs", f"1 to {MOST}")
    return int(given)


def token_of(*parts: str) -> str:
    """Return a token for `after`, which says where a page begins."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def read_token(req: func.HttpRequest) -> list[str] | None:
    """Return the parts of the token in `after`, None if there is none. Raise InvalidInput."""
    if (given := req.params.get("after")) is None:
        return None
    try:
        parts = json.loads(base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        parts = None
    if not (isinstance(parts, list) and len(parts) == 2 and all(isinstance(part, str) for part in parts)):
        raise InvalidInput("after", "not a token", "what `next` of the page before says")
    return parts


def _statuses(req: func.HttpRequest) -> frozenset[str]:
    given = req.params.get("status")
    statuses = frozenset(() if given is None else given.split(","))
    if unknown := sorted(statuses - STATUSES):
        raise InvalidInput("status", f"{shown(unknown[0])} is no status", ", ".join(sorted(STATUSES)))
    return statuses


def _moment(req: func.HttpRequest, name: str) -> datetime | None:
    if (given := req.params.get(name)) is None:
        return None
    try:
        return moment(given)
    except ValueError:
        raise InvalidInput(name, f"{shown(given)} is no time", "such as 2026-11-25 or 2026-11-25T06:00:00Z") from None
