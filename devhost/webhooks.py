"""The durable HTTP API: the public webhooks and the listener of the app's durable clients, in one handler.

On the way: a request below one of the two paths enters; one call of the task hub is made; its outcome,
or its error as a status code, leaves.

    POST   orchestrators/{name}[/{id}]
    GET    instances[/{id}]
    DELETE instances[/{id}]
    POST   instances/{id}/raiseEvent/{event} | terminate | suspend | resume | rewind | restart
"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web

from devhost import errors
from devhost.console import Console
from devhost.hub import TaskHub
from devhost.management import ManagementLinks
from devhost.query import Query
from devhost.status import render_history, render_status

CONTINUATION = "x-ms-continuation-token"
DEFAULT_TOP = 100

# Status code, and the type that the real host names in the body.
_ANSWER_TO_ERROR: dict[type[errors.DevhostError], tuple[int, str]] = {
    errors.InvalidRequest: (400, "System.ArgumentException"),
    errors.InstanceNotFound: (404, ""),
    errors.InstanceConflict: (409, "DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException"),
    errors.InstanceFinished: (410, ""),
    errors.InstanceNotTerminal: (412, ""),
    errors.WrongState: (500, "System.InvalidOperationException"),
}

Operation = Callable[[web.Request, str], Awaitable[web.Response]]


class Webhooks:
    """Answers requests of the durable HTTP API."""

    def __init__(
        self, hub: TaskHub, links: ManagementLinks, console: Console, *, use_forwarded_host: bool = False
    ) -> None:
        self._hub = hub
        self._links = links
        self._console = console
        self._use_forwarded_host = use_forwarded_host
        self._operations: dict[str, Operation] = {
            "terminate": self._terminate,
            "suspend": self._suspend,
            "resume": self._resume,
            "rewind": self._rewind,
            "restart": self._restart,
        }

    async def handle(self, request: web.Request, tail: str) -> web.Response:
        """Answer one request; tail is the still encoded path below the API's own."""
        # Decoded before it is split: an encoded slash in an id or an event name ends it, as on the real host.
        parts = unquote_plus(tail).strip("/").split("/")
        try:
            return await self._route(request, parts)
        except errors.DevhostError as error:
            return _error_response(error)
        except web.HTTPException:
            raise
        except Exception as error:
            self._console.error(f"{request.method} {request.path} failed: {error}", traceback.format_exc())
            return _error_response(error)

    async def _route(self, request: web.Request, parts: list[str]) -> web.Response:
        match [request.method, parts[0].lower(), *parts[1:]]:
            case ["POST", "orchestrators", name]:
                return await self._start(request, name, None)
            case ["POST", "orchestrators", name, instance_id]:
                return await self._start(request, name, instance_id)
            case ["GET", "instances"]:
                return await self._list(request)
            case ["GET", "instances", instance_id]:
                return await self._get(request, instance_id)
            case ["DELETE", "instances"]:
                return await self._purge_by(request)
            case ["DELETE", "instances", instance_id]:
                return await self._purge(instance_id)
            case ["POST", "instances", instance_id, operation, event] if operation.lower() == "raiseevent":
                return await self._raise_event(request, instance_id, event)
            case ["POST", "instances", instance_id, operation] if operation.lower() in self._operations:
                return await self._operations[operation.lower()](request, instance_id)
            case ["GET" | "POST" | "DELETE", "entities", *entity]:
                return self._refuse_entity(entity)
        return web.Response(status=404)

    def _refuse_entity(self, entity: list[str]) -> web.Response:
        refusal = f"devhost does not serve durable entities (asked for @{'@'.join(entity)}); use a real host for them"
        self._console.warning(refusal)
        return _json({"Message": refusal}, 501)

    async def _start(self, request: web.Request, name: str, instance_id: str | None) -> web.Response:
        query = Query(request)
        text = (await request.text()).strip() or None
        _require_json(text)
        started = await self._hub.start_orchestration(
            name, instance_id=instance_id, input_text=text, version=query.text("version")
        )
        return await self._answer_started(request, query, started)

    async def _answer_started(self, request: web.Request, query: Query, instance_id: str) -> web.Response:
        timeout, interval = query.number("timeout"), query.number("pollingInterval")
        if timeout is None or interval is None:
            return self._check_status(request, instance_id)
        if interval > timeout:
            raise errors.InvalidRequest(f"Total timeout {timeout} should be bigger than retry timeout {interval}")
        try:
            # The hub says when an instance has ended, so the interval of the polling is of no use.
            async with asyncio.timeout(timeout):
                instance = await self._hub.wait(instance_id)
        except TimeoutError:
            return self._check_status(request, instance_id)
        if instance.status == "Completed":
            return web.Response(text=instance.output_text or "null", content_type="application/json")
        return _json(render_status(instance, show_input=query.flag("showInput", True)))

    async def _get(self, request: web.Request, instance_id: str) -> web.Response:
        query = Query(request)
        instance = await self._hub.get(instance_id)
        if instance is None:
            return web.Response(status=404)
        show_input = query.flag("showInput", True)
        body = render_status(instance, show_input=show_input)
        if query.flag("showHistory", False):
            show_output = query.flag("showHistoryOutput", False)
            body["historyEvents"] = None
            if instance.status != "Pending":
                events = await self._hub.history(instance_id)
                body["historyEvents"] = render_history(events, show_input=show_input, show_output=show_output)
        if not instance.is_terminal:
            location = f"{request.scheme}://{request.host}{request.raw_path}"
            return _json(body, 202, {"Location": location, "Retry-After": "5"})
        fails = instance.status == "Failed" and query.flag("returnInternalServerErrorOnFailure", False)
        return _json(body, 500 if fails else 200)

    async def _list(self, request: web.Request) -> web.Response:
        query = Query(request)
        top = int(query.number("top") or DEFAULT_TOP)
        after = request.headers.get(CONTINUATION) or None
        instances, token = await self._hub.query(query.instance_filter(), top=max(top, 1), after=after)
        show_input = query.flag("showInput", True)
        body = [render_status(instance, show_input=show_input) for instance in instances]
        return _json(body, 200, {CONTINUATION: token} if token else {})

    async def _purge(self, instance_id: str) -> web.Response:
        return _json({"instancesDeleted": await self._hub.purge(instance_id)})

    async def _purge_by(self, request: web.Request) -> web.Response:
        wanted = Query(request).instance_filter()
        if wanted.created_from is None:
            return _json("Please provide value for 'createdTimeFrom' parameter.", 400)
        count = await self._hub.purge_by(wanted)
        return _json({"instancesDeleted": count}) if count else web.Response(status=404)

    async def _raise_event(self, request: web.Request, instance_id: str, event: str) -> web.Response:
        # The instance is looked at before the content: a finished one is 410 whatever was sent.
        instance = await self._hub.get(instance_id)
        if instance is None:
            return web.Response(status=404)
        if instance.is_terminal:
            return web.Response(status=410)
        if request.content_type != "application/json":
            raise errors.InvalidRequest("Only application/json request content is supported")
        text = (await request.text()).strip()
        _require_json(text)
        await self._hub.raise_event(instance_id, event, text)
        return web.Response(status=202)

    async def _terminate(self, request: web.Request, instance_id: str) -> web.Response:
        await self._hub.terminate(instance_id, Query(request).text("reason"))
        return web.Response(status=202)

    async def _suspend(self, request: web.Request, instance_id: str) -> web.Response:
        await self._hub.suspend(instance_id, Query(request).text("reason"))
        return web.Response(status=202)

    async def _resume(self, request: web.Request, instance_id: str) -> web.Response:
        await self._hub.resume(instance_id, Query(request).text("reason"))
        return web.Response(status=202)

    async def _rewind(self, request: web.Request, instance_id: str) -> web.Response:
        await self._hub.rewind(instance_id, Query(request).text("reason"))
        return web.Response(status=202)

    async def _restart(self, request: web.Request, instance_id: str) -> web.Response:
        query = Query(request)
        # The only operation that answers an unknown id with 400.
        started = await self._hub.restart(instance_id, new_instance_id=query.flag("restartWithNewInstanceId", True))
        return await self._answer_started(request, query, started)

    def _check_status(self, request: web.Request, instance_id: str) -> web.Response:
        links = self._links.for_instance(self._origin(request), instance_id)
        return _json(links, 202, {"Location": links["statusQueryGetUri"], "Retry-After": "10"})

    def _origin(self, request: web.Request) -> str:
        forwarded = [request.headers.get(name) for name in ("X-Forwarded-Proto", "X-Forwarded-Host")]
        if self._use_forwarded_host and all(forwarded):
            return "{}://{}".format(*forwarded)
        return f"{request.scheme}://{request.host}"


def _require_json(text: str | None) -> None:
    if text is None:
        return
    try:
        json.loads(text)
    except ValueError as error:
        raise errors.InvalidRequest(f"the content is not valid JSON: {error}") from error


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(body, status=status, headers=headers)


def _error_response(error: Exception) -> web.Response:
    answers = (answer for kind, answer in _ANSWER_TO_ERROR.items() if isinstance(error, kind))
    status, type_name = next(answers, (500, type(error).__name__))
    if status in (404, 410):
        return web.Response(status=status)
    if status == 412:
        return _json(str(error), status)
    body = {
        "Message": str(error) if isinstance(error, errors.DevhostError) else "Something went wrong in devhost",
        "ExceptionMessage": str(error),
        "ExceptionType": type_name,
        "StackTrace": "".join(traceback.format_tb(error.__traceback__)),
    }
    return _json(body, status)
