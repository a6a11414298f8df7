"""GET /api/sources: the sources that can be run. The answer has no secret, and only the host of each URL."""

import os
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import httpx

from clients.answer import answer, answered
from ingestion import clock
from ingestion.concealed import conceal
from ingestion.errors import InvalidInput
from ingestion.settings import load_settings
from ingestion.source.description import Source, load_source, source_names
from ingestion.wire import JsonObject

blueprint = df.Blueprint()

has_timer = False  # whether this process runs schedules; function_app sets it when it registers the functions
NO_TIMER = "the schedule starts no run, because the app started before any source had a schedule: restart the app"


@blueprint.route(route="sources", methods=["GET"])
async def get_sources(req: func.HttpRequest) -> func.HttpResponse:
    """Return each source of the sources file, and what is wrong with its description, if anything."""
    return await answered(req, "list the sources", _listed())


async def _listed() -> func.HttpResponse:
    file = load_settings().sources
    sources = []
    for name in source_names(file):
        try:
            source: Source | InvalidInput = load_source(file, name, os.environ)
        except InvalidInput as error:
            source = error
        sources.append(shown(name, source))
    return answer({"sources": sources})


def shown(name: str, source: Source | InvalidInput) -> JsonObject:
    """Return the entry of a source in the answer; most fields are null if its description cannot be read."""
    summary: dict[str, Any] = dict.fromkeys(("host", "style", "description_ok", "problem", "schedule"))
    summary |= {"name": name, "incremental": False, "parameters": {}, "next_due": None}
    if isinstance(source, InvalidInput):
        return summary | {"description_ok": False, "problem": conceal(str(source))}
    due = next(source.due_times.after(clock.now()), None) if source.due_times is not None and has_timer else None
    return summary | {
        "host": httpx.URL(source.url).netloc.decode(),
        "style": source.pagination.style,
        "description_ok": True,
        "problem": NO_TIMER if source.schedule is not None and not has_timer else None,
        "schedule": None if source.schedule is None else f"{source.schedule} {source.time_zone}",
        "incremental": source.incremental is not None,
        "parameters": {
            each: {"allowed": parameter.allowed, "pattern": parameter.pattern, "default": parameter.default}
            for each, parameter in source.parameters.items()
        },
        "next_due": None if due is None else due.isoformat(),
    }
