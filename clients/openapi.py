"""The OpenAPI 3.1 document of the HTTP API, made from the shapes of its answers and bodies.

`python -m local.openapi` writes it to `docs/openapi.json`. Tests compare that file and the app's routes with it.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from clients import shapes
from clients.answer import JSON, PROBLEM
from clients.get_ledger import MOST_EXAMPLES
from clients.get_runs import DEFAULT_LIMIT, MOST
from clients.run_id import PATTERN
from clients.start_request import KEY_LENGTH, StartRequest
from ingestion.run.run_report import LISTED
from ingestion.wire import JsonObject

REFUSED = {
    400: "A field, a parameter or an app setting is wrong.",
    404: "There is no such run or source.",
    409: "The state of the run or source does not allow this.",
    412: "The watermark has changed since the caller read it.",
    428: "If-Match is missing.",
    503: "Storage or Durable Functions could not be reached, or refused.",
}
ABOUT = (
    "Start, follow and steer runs. A run moves the items of one source to a queue. All routes except those under /ui "
    "take a function or host key. Every error of the app is problem details (RFC 9457); the host answers 401 without a "
    "body. Every GET that succeeds has an ETag. No answer has a token or the full address of a source. Only the "
    "answers to a start or a redrive without `links=none` have a system key."
)


Answers = Mapping[int, tuple[type[BaseModel], ...]]


class Operation(NamedTuple):
    """One route and method: its function, and the shapes of its input and its answers."""

    function: str
    method: str
    route: str
    summary: str
    answers: Answers
    refused: tuple[int, ...]
    query: tuple[JsonObject, ...] = ()
    headers: tuple[JsonObject, ...] = ()
    body: type[BaseModel] | None = None
    kind: str = JSON  # media type of a success; a route that answers with another type than JSON needs no key


def _parameter(name: str, place: str, about: str, *, required: bool = False, **schema: Any) -> JsonObject:
    return {"name": name, "in": place, "required": required, "description": about, "schema": schema}


def _query(name: str, about: str, **schema: Any) -> JsonObject:
    return _parameter(name, "query", about, **({"type": "string"} | schema))


def _header(name: str, about: str, **schema: Any) -> JsonObject:
    return _parameter(name, "header", about, **({"type": "string"} | schema))


AFTER = _query("after", "Where the page begins: the `next` of the page before.")
LINKS = _query("links", "Leave out the URLs of Durable Functions, which hold the system key.", enum=["none"])
STATUS_LIST = f"^({'|'.join(sorted(LISTED))})(,({'|'.join(sorted(LISTED))}))*$"
LIST = (
    _query("limit", "The most runs on a page.", type="integer", minimum=1, maximum=MOST, default=DEFAULT_LIMIT),
    AFTER,
    _query("status", "Only runs with one of these statuses; separate them with commas.", pattern=STATUS_LIST),
    _query("source", "Only runs of this source."),
    _query("from", "Only runs that began at this time or later.", format="date-time"),
    _query("to", "Only runs that began before this time.", format="date-time"),
)
REJECTS = (
    _query(
        "examples",
        "How many messages of each group to show.",
        type="integer",
        minimum=0,
        maximum=MOST_EXAMPLES,
        default=3,
    ),
    _query("payload", "Whether to show the messages themselves.", type="boolean", default=False),
    AFTER,
)
KEY = _header("Idempotency-Key", "Names the run in place of `run_id`.", minLength=1, maxLength=KEY_LENGTH)
OF_A_SET = (
    {
        **_query("parameters", "The parameters of the source: each set has its own watermark.", type="object"),
        "style": "form",
        "explode": True,
    },
)
IF_MATCH = _header("If-Match", "The ETag of the watermark to change, as GET returned it.")
IF_NONE_MATCH = _header("If-None-Match", "The ETag of the answer that the caller has.")

STARTED: Answers = {200: (shapes.DurableUrls, shapes.Followed), 202: (shapes.DurableUrls, shapes.Followed)}
COMMANDED: Answers = {202: (shapes.Commanded,)}
NAME = "^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"
RUN, SOURCE = "runs/{run_id}", "sources/{name}/watermark"
OF_A_RUN, CHANGED = (400, 404, 409, 503), (400, 404, 409, 412, 428, 503)


def operations() -> Iterator[Operation]:
    """Yield every route of the app."""
    yield Operation("get_runs", "GET", "runs", "List the runs, newest first", {200: (shapes.Runs,)}, (400, 503), LIST)
    start = Operation("start_run", "POST", "runs", "Start a run, once", STARTED, OF_A_RUN, (LINKS,), (KEY,))
    yield start._replace(body=StartRequest)
    yield Operation(
        "get_run", "GET", RUN, "Return all that is known about a run", {200: (shapes.Run,)}, (400, 404, 409, 503)
    )
    yield Operation("delete_run", "DELETE", RUN, "Delete a run", {200: (shapes.Deleted,)}, (400, 404, 409, 503))
    for function, shape, summary, query in (
        ("report", shapes.Report, "Return the report of a run that has ended", ()),
        ("failures", shapes.Failures, "Return the failed chunks, by reason", (AFTER,)),
        ("rejected", shapes.Rejected, "Return the rejected messages, by reason", REJECTS),
        ("timeline", shapes.Timeline, "Return the counts of a run over time, and its events", ()),
        ("queues", shapes.Queues, "Return the depth of the queues of a run", ()),
    ):
        yield Operation(f"get_{function}", "GET", f"{RUN}/{function}", summary, {200: (shape,)}, OF_A_RUN, query)
    for command, summary in (
        ("pause", "Pause a run"),
        ("resume", "Resume a paused or held run"),
        ("cancel", "Cancel a run"),
    ):
        yield Operation(f"{command}_run", "POST", f"{RUN}/{command}", summary, COMMANDED, OF_A_RUN)
    summary, redriven = "Redrive a run: send what failed, then read the rest", {202: STARTED[202]}
    yield Operation("redrive_run", "POST", f"{RUN}/redrive", summary, redriven, OF_A_RUN, (LINKS,))
    yield Operation("get_sources", "GET", "sources", "List the sources", {200: (shapes.Sources,)}, (400, 503))
    mark: Answers = {200: (shapes.WatermarkShown,)}
    yield Operation("get_watermark", "GET", SOURCE, "Return the watermark of a source", mark, (400, 404, 503), OF_A_SET)
    put = Operation("put_watermark", "PUT", SOURCE, "Set a watermark", mark, CHANGED, OF_A_SET, (IF_MATCH,))
    yield put._replace(body=shapes.WatermarkGiven)
    yield Operation("delete_watermark", "DELETE", SOURCE, "Reset a watermark", mark, CHANGED, OF_A_SET, (IF_MATCH,))
    plan = Operation("plan_run", "POST", "plan", "Return what a run would do", {200: (shapes.PlanAnswer,)}, OF_A_RUN)
    yield plan._replace(body=StartRequest)
    for name, route, kind in (
        ("get_page", "ui", "text/html"),
        ("get_page_script", "ui/page.js", "text/javascript"),
        ("get_page_style", "ui/page.css", "text/css"),
    ):
        yield Operation(name, "GET", route, "Serve a part of the page for people", {200: ()}, (), kind=kind)
    yield Operation("get_openapi", "GET", "openapi.json", "Return this document", {200: ()}, ())


@cache
def document() -> JsonObject:
    """Return the OpenAPI document."""
    paths: dict[str, JsonObject] = {}
    for one in operations():
        paths.setdefault(f"/{one.route}", {})[one.method.lower()] = _operation(one)
    keys = {"header": "x-functions-key", "query": "code"}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sluice",
            "version": "1",
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/api"}],
        "security": [{place: []} for place in keys],
        "tags": [{"name": name, "description": about} for name, about in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {place: {"type": "apiKey", "in": place, "name": name} for place, name in keys.items()},
        },
    }


TAGS = {
    "runs": "Runs, from their start to their report.",
    "sources": "The APIs that runs read, and their watermarks.",
    "about": "The API itself.",
}


def _schemas() -> JsonObject:
    models = [StartRequest, shapes.Problem]
    for one in operations():
        models += [shape for group in one.answers.values() for shape in group] + ([one.body] if one.body else [])
    unique = [(model, "validation") for model in dict.fromkeys(models)]
    _, made = models_json_schema(unique, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    return dict(sorted(made["$defs"].items()))


def _operation(one: Operation) -> JsonObject:
    is_get = one.method == "GET"
    named = {"run_id": ("The id of the run.", PATTERN), "name": ("The name of the source.", NAME)}
    path = [
        _parameter(name, "path", about, required=True, type="string", pattern=pattern)
        for name, (about, pattern) in named.items()
        if f"{{{name}}}" in one.route
    ]
    parameters = [*path, *one.query, *one.headers, *((IF_NONE_MATCH,) if is_get else ())]
    answers = {str(status): _answer(status, found, one.kind, is_get=is_get) for status, found in one.answers.items()}
    if is_get:
        answers["304"] = {"description": "The caller already has this answer."}
    if one.kind == JSON:
        answers["401"] = {"description": "The function key is missing or wrong; the host answers, without a body."}
    for status in one.refused:
        answers[str(status)] = {"description": REFUSED[status], "content": {PROBLEM: {"schema": _ref(shapes.Problem)}}}
    first = one.route.partition("/")[0]
    made: JsonObject = {
        "operationId": one.function,
        "summary": one.summary,
        "tags": [first if first in TAGS else "runs" if first == "plan" else "about"],
        "parameters": parameters,
        "responses": dict(sorted(answers.items())),
    }
    if one.kind != JSON:
        made["security"] = []
    if one.body is not None:
        made["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(one.body)}}}
    return made


def _answer(status: int, found: tuple[type[BaseModel], ...], kind: str, *, is_get: bool) -> JsonObject:
    schemas = [_ref(shape) for shape in found] or [{"type": "object" if kind == JSON else "string"}]
    made: JsonObject = {
        "description": "Accepted." if status == 202 else "Done.",
        "content": {kind: {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}},
    }
    if is_get:
        about = "Send it as `If-None-Match`: the answer is 304 if nothing has changed."
        made["headers"] = {"ETag": {"description": about, "schema": {"type": "string"}}}
    return made


def _ref(shape: type[BaseModel]) -> JsonObject:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}
