"""The durable HTTP API: one handler for the public webhooks and for the requests of the app's durable clients."""

import json
import os
import traceback
from base64 import b64decode, b64encode
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

from aiohttp import web

from local.devhost.console import Console
from local.devhost.errors import DevhostError, InvalidJson, NotServed, Refusal, StorageRefusal
from local.devhost.http.management import ManagementLinks
from local.devhost.http.status import render_history, render_status
from local.devhost.hub.hub import TaskHub
from local.devhost.orchestration.value import read_text

CONTINUATION = "x-ms-continuation-token"
DEFAULT_TOP = 100
_INT_LIMIT = 2**31
_CONTROLS = ("terminate", "suspend", "resume")  # methods of TaskHub
# Parameters that devhost does not serve, because Sluice uses no versions, start-and-wait or filters.
_NOT_SERVED = ("version", "timeout", "pollingInterval", "runtimeStatus", "createdTimeFrom", "createdTimeTo")


class Call:
    """One request and its parameters; names match in any case, and an unreadable value counts as missing."""

    def __init__(self, request: web.Request) -> None:
        self.request = request

    def text(self, name: str) -> str:
        return ",".join(value for key, value in self.request.query.items() if key.lower() == name.lower())

    def flag(self, name: str, default: bool = False) -> bool:
        return {"true": True, "false": False}.get(self.text(name).lower(), default)

    def top(self) -> int:
        try:
            top = int(self.text("top"))
        except ValueError:
            return DEFAULT_TOP
        if -_INT_LIMIT < top < 0:
            raise StorageRefusal
        return top if 0 <= top < _INT_LIMIT else DEFAULT_TOP


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """Answers requests of the durable HTTP API."""

    hub: TaskHub
    links: ManagementLinks
    console: Console

    async def handle(self, request: web.Request, tail: str) -> web.Response:
        """Answer one request; `tail` is the encoded path after the API's prefix."""
        # Decode twice before the split, as the real host does: an encoded slash ends an id or event name.
        collection, *rest = unquote_plus(unquote(tail)).strip("/").split("/")
        if ".." in rest:
            return web.Response(status=404)
        try:
            return await self._route(Call(request), [request.method, collection.lower(), *rest])
        except DevhostError as error:
            if isinstance(error, NotServed):
                self.console.warning(str(error))  # because the SDK's client passes only the status to the app
            return _error_response(error)
        except web.HTTPException:
            raise
        except Exception as error:
            self.console.error(f"{request.method} {request.path} failed: {error}", traceback.format_exc())
            return _error_response(DevhostError(f"devhost itself failed: {error!r}"))

    async def _route(self, call: Call, parts: list[str]) -> web.Response:
        connection, task_hub = call.text("connection"), call.text("taskHub")
        if connection and not {connection, f"AzureWebJobs{connection}"} & {"Storage", *os.environ}:
            raise DevhostError(f"Unable to resolve the Azure Storage connection named '{connection}'.")
        if task_hub.lower() not in ("", self.links.hub_name.lower()):
            raise NotServed(f"the task hub {task_hub}")
        if asked := next(filter(call.text, _NOT_SERVED), None):
            raise NotServed(f"the parameter {asked}")
        match parts:
            case ["POST", "orchestrators", name]:
                return await self._start(call, name, None)
            case ["POST", "orchestrators", name, instance_id]:
                return await self._start(call, name, instance_id)
            case ["GET", "instances"]:
                return await self._list(call)
            case ["GET", "instances", instance_id]:
                return await self._get(call, instance_id)
            case ["DELETE", "instances"]:
                raise NotServed("a purge by filter, which deletes running instances unless it names an ended status")
            case ["DELETE", "instances", instance_id]:
                return web.json_response({"instancesDeleted": await self.hub.purge(instance_id)})
            case ["POST", "instances", instance_id, verb, event] if verb.lower() == "raiseevent":
                return await self._raise_event(call, instance_id, event)
            case ["POST", "instances", _, verb] if verb.lower() in ("rewind", "restart"):
                raise NotServed(verb)
            case ["POST", "instances", instance_id, verb] if verb.lower() in _CONTROLS:
                await getattr(self.hub, verb.lower())(instance_id, call.text("reason") or None)
                return web.Response(status=202)
            case [_, "entities", *_]:
                raise NotServed("durable entities")
        return web.Response(status=404)

    async def _start(self, call: Call, name: str, instance_id: str | None) -> web.Response:
        text = (await call.request.text()).strip()
        started = await self.hub.start_orchestration(
            name,
            instance_id=instance_id,
            input_text=_read_input(text) if text else None,
            trace_parent=call.request.headers.get("traceparent", ""),
        )
        links = self.links.for_instance(f"{call.request.scheme}://{call.request.host}", started)
        headers = {"Location": links["statusQueryGetUri"], "Retry-After": "10"}
        return web.json_response(links, status=202, headers=headers)

    async def _get(self, call: Call, instance_id: str) -> web.Response:
        instance = await self.hub.get(instance_id)
        if instance is None:
            return web.Response(status=404)
        show_input = call.flag("showInput", True)
        body = render_status(instance, show_input=show_input)
        if call.flag("showHistory") and instance.status != "Pending":
            events = await self.hub.history(instance_id)
            show_output = call.flag("showHistoryOutput")
            body["historyEvents"] = render_history(events, show_input=show_input, show_output=show_output)
        if not instance.is_terminal:
            location = f"{call.request.scheme}://{call.request.host}{call.request.raw_path}"
            return web.json_response(body, status=202, headers={"Location": location, "Retry-After": "5"})
        fails = instance.status == "Failed" and call.flag("returnInternalServerErrorOnFailure")
        return web.json_response(body, status=500 if fails else 200)

    async def _list(self, call: Call) -> web.Response:
        try:
            first = b64decode(call.request.headers.get(CONTINUATION, "").strip(), validate=True).decode()
        except ValueError:
            return web.json_response([])
        instances, following = await self.hub.query(call.text("instanceIdPrefix"), top=call.top(), first=first)
        show_input = call.flag("showInput", True)
        body = [render_status(instance, show_input=show_input) for instance in instances]
        # In base64, because a header would lose a space at the end of an id.
        headers = {CONTINUATION: b64encode(following.encode()).decode()} if following else None
        return web.json_response(body, headers=headers)

    async def _raise_event(self, call: Call, instance_id: str, event: str) -> web.Response:
        # Check the instance before the content: for a finished instance the answer is 410, whatever the content is.
        instance = await self.hub.get(instance_id)
        if instance is None or instance.is_terminal:
            return web.Response(status=410 if instance else 404)
        if call.request.content_type != "application/json":
            raise Refusal(400, "Only application/json request content is supported")
        await self.hub.raise_event(instance_id, event, _read_event(await call.request.text()))
        return web.Response(status=202)


def _read_input(text: str) -> str:
    try:
        json.loads(text)
    except ValueError as error:
        raise InvalidJson(str(error)) from error
    return text


def _read_event(text: str) -> str:
    """Return the first JSON value of a text, encoded again; ignore what follows it."""
    try:
        value, _ = json.JSONDecoder().raw_decode(text.strip())
    except ValueError as error:
        raise InvalidJson(str(error)) from error
    return read_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _error_response(error: DevhostError) -> web.Response:
    if error.status in (404, 410):
        return web.Response(status=error.status)
    if error.status == 412:
        return web.json_response(str(error), status=412)
    body = {"Message": str(error)}
    if error.exception_type:
        body = {
            "Message": error.message,
            "ExceptionMessage": str(error),
            "ExceptionType": error.exception_type,
            "StackTrace": "".join(traceback.format_tb(error.__traceback__)),
        }
    return web.json_response(body, status=error.status)
