"""GET, PUT and DELETE /api/sources/{name}/watermark: read, set or reset how far the runs of a source have come.

Each set of parameters of the source has its own watermark; the query names the set. Every change needs `If-Match` with
the ETag of the watermark that it replaces.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import azure.durable_functions as df
import azure.functions as func
from azure.storage.blob.aio import ContainerClient

from activities.activity import named_after
from activities.log import log
from clients.answer import answer, answered
from ingestion import clock
from ingestion.concealed import add_secrets, sealed
from ingestion.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    SourceRefused,
    Unconditional,
    WasChanged,
    shown,
)
from ingestion.open_storage import Storage, open_storage
from ingestion.run import open_runs, watermark
from ingestion.run.scope import given_mark, given_parameters, wrong_mark
from ingestion.run.watermark import Watermark
from ingestion.settings import load_settings
from ingestion.source.description import described, load_source
from ingestion.source.description.incremental import Incremental
from ingestion.wire import JsonObject

blueprint = df.Blueprint()


class Target(NamedTuple):
    """The source that a request names, and what its watermark depends on."""

    source: str
    incremental: Incremental
    parameters: dict[str, str]
    belongs_to: str
    storage: Storage

    @property
    def container(self) -> ContainerClient:
        return self.storage.container

    @property
    def slot(self) -> str:
        return watermark.slot(self.source, self.parameters)


Work = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]


def _about_watermark(work: Callable[[func.HttpRequest, Target], Awaitable[Watermark]]) -> Work:
    """Return an HTTP function that answers with the watermark from `work`, or with its error."""

    async def asked_and_done(req: func.HttpRequest) -> func.HttpResponse:
        asked = _asked(req)
        found = await work(req, asked)
        return answer(_shown(asked, found), headers={"ETag": _etag(found)})

    async def run(req: func.HttpRequest) -> func.HttpResponse:
        return await answered(req, f"read or change the watermark of {req.route_params['name']}", asked_and_done(req))

    return named_after(work, run)


@blueprint.route(route="sources/{name}/watermark", methods=["GET"])
@_about_watermark
async def get_watermark(req: func.HttpRequest, asked: Target) -> Watermark:
    """Return the watermark of a source, with its ETag; 404 if there is no such source, or it is not incremental."""
    return await watermark.read(asked.container, asked.slot)


@blueprint.route(route="sources/{name}/watermark", methods=["PUT"])
@_about_watermark
async def put_watermark(req: func.HttpRequest, asked: Target) -> Watermark:
    """Set the watermark of a source. The next run reads everything from there on, and drops no item as known.

    The answer is 400 for a value of another form, 409 while a run of the source is open, 412 if the watermark has
    changed, 428 without If-Match.
    """
    value, kind = _value_in(req, asked.incremental), asked.incremental.kind
    mine = Watermark(value=value, kind=kind, belongs_to=asked.belongs_to, parameters=asked.parameters)
    return await _changed(req, asked, mine, "watermark_set")


@blueprint.route(route="sources/{name}/watermark", methods=["DELETE"])
@_about_watermark
async def delete_watermark(req: func.HttpRequest, asked: Target) -> Watermark:
    """Reset the watermark of a source: the next run begins at `incremental.start`. It fails as PUT does."""
    return await _changed(req, asked, Watermark(parameters=asked.parameters), "watermark_reset")


def _asked(req: func.HttpRequest) -> Target:
    """Return the source and the slot of a request. Raise NotFound or InvalidInput."""
    name, settings = req.route_params["name"], load_settings()
    source = load_source(settings.sources, name, os.environ)
    if source.incremental is None:
        problem = f"{shown(name)} has no watermark: each run reads the whole source"
        raise NotFound("source", problem, "a source whose description has the key incremental")
    add_secrets(**source.secrets)
    parameters = given_parameters(source, {key: value for key, value in req.params.items() if key != "code"})
    belongs = watermark.belongs_to(described(settings, name, os.environ).marks)
    return Target(name, source.incremental, parameters, belongs, open_storage(settings))


async def _changed(req: func.HttpRequest, asked: Target, mine: Watermark, action: str) -> Watermark:
    """Replace the watermark that the request names with `mine`, and return the new one."""
    wanted = req.headers.get("If-Match")
    if wanted is None:
        raise Unconditional("If-Match", "missing", "the ETag of the watermark, from GET")
    async for run in open_runs.of_source(asked.container, asked.source):
        problem = f"run {run.run_id} of the source is open, and may still move the watermark"
        raise Conflict("source", problem, "to try again once it has ended; or cancel it")
    found = await watermark.read(asked.container, asked.slot)
    after = None
    if wanted == _etag(found):
        if not found.serial:  # the container may not exist yet
            await asked.storage.prepare()
        after = await watermark.give(asked.container, asked.slot, found, mine, clock.now())
    if after is None:
        problem = f"{shown(wanted)} is not the present ETag of the watermark"
        raise WasChanged("If-Match", problem, 'the ETag from GET with its quotes, such as "7"')
    log(
        action,
        "a person has changed the watermark of a source",
        source=asked.source,
        parameters=asked.parameters,
        before=found.shown,
        after=after.shown,
    )
    return after


def _value_in(req: func.HttpRequest, incremental: Incremental) -> str:
    """Return the value in the body, in the form that watermarks have. Raise InvalidInput."""
    try:
        body = req.get_json()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or body.keys() != {"value"}:
        raise InvalidInput("(body)", "not an object with only `value`", 'a JSON object such as {"value": "2026-11-25"}')
    value: Any = body["value"]
    if not incremental.orders:
        if not isinstance(value, str) or not value:
            raise InvalidInput("value", "not a token", "a text that is not empty")
        try:
            return str(sealed(value))
        except SourceRefused:
            raise InvalidInput("value", "it holds a credential", "a token without a credential") from None
    mark = given_mark(incremental, value, "value")
    if incremental.kind == "time" and mark > int(clock.now().timestamp()) + 1:
        raise wrong_mark(incremental, value, "value", "later than now: no run would read anything until then")
    return incremental.text(mark)


def _shown(asked: Target, found: Watermark) -> JsonObject:
    return {
        "source": asked.source,
        "parameters": asked.parameters,
        "value": found.shown,
        "moved_by": found.moved_by,
        "moved_at": found.moved_at,
        "previous": found.previous_shown,
    }


def _etag(found: Watermark) -> str:
    return f'"{found.serial}"'
