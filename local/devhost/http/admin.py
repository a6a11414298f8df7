"""The parts of the host's admin API that devhost has: ping, status, the list of functions, and calls of functions."""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from local.devhost.app.loader import ACTIVITY, TIMER, LoadedFunction
from local.devhost.http.keys import Keys
from local.devhost.timer.timer_trigger import TimerTriggers
from local.devhost.worker.worker import Worker

ADMIN_PATH = "/admin/"
_NOT_KEPT = {"Cache-Control": "no-store,no-cache", "Pragma": "no-cache"}
# The versions of the real host with which devhost is compared.
_STATUS = {
    "id": "devhost",
    "state": "Running",
    "version": "4.1037.0.0",
    "versionDetails": "4.1037.0",
    **dict.fromkeys(("platformVersion", "instanceId", "computerName"), ""),
    "functionAppContentEditingState": "Unknown",
    "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "4.38.0"},
}


@dataclass(frozen=True, slots=True)
class AdminApi:
    """Answers requests below /admin/; `templates` maps the name of an HTTP function to its route."""

    functions: Mapping[str, LoadedFunction]  # by lower-case name
    templates: Mapping[str, str]
    timers: TimerTriggers
    worker: Worker
    keys: Keys | None
    app_root: Path
    begun: float = field(default_factory=time.monotonic)

    async def handle(self, request: web.Request, tail: str) -> web.Response | None:
        """Answer one request; return None for a path that the real host's admin API does not have."""
        parts = tail.lower().rstrip("/").split("/")
        if parts == ["host", "ping"]:
            return web.Response(headers=_NOT_KEPT)
        if parts[0] != "functions" and parts != ["host", "status"]:
            return None
        if self.keys is not None and (refused := self.keys.refuse_built_in(request)) is not None:
            return refused
        base = f"{request.scheme}://{request.host}"
        match [request.method, *parts]:
            case ["GET", "host", "status"]:
                return web.json_response(_STATUS | {"processUptime": int((time.monotonic() - self.begun) * 1000)})
            case ["GET", "functions"]:
                # In the list, but not for a single function, the real host's links have https.
                base = f"https://{request.host}"
                return web.json_response([self._describe(it, base) for _, it in sorted(self.functions.items())])
            case ["GET", "functions", name] if name in self.functions:
                return web.json_response(self._describe(self.functions[name], base))
            case ["POST", "functions", name]:
                return web.Response(status=await self._call(request, self.functions.get(name)))
        return web.Response(status=404)

    def _describe(self, function: LoadedFunction, base: str) -> dict[str, Any]:
        name, script = function.name, os.environ.get("PYTHON_SCRIPT_FILE_NAME") or "function_app.py"
        template = self.templates.get(name)
        bindings = [binding.get_dict_repr() for binding in function.bindings]
        config = {
            "name": name,
            "entryPoint": name,
            "scriptFile": script,
            "language": "python",
            "functionDirectory": f"{self.app_root}/",
            "bindings": json.loads(json.dumps(bindings, default=str)),
        }
        return {
            "name": name,
            "script_root_path_href": None,
            "script_href": f"{base}/admin/vfs{self.app_root}/{script}",
            "config_href": None,
            "test_data_href": f"{base}/admin/vfs{self.app_root}/{name}.dat",
            "href": f"{base}/admin/functions/{name}",
            "invoke_url_template": None if template is None else f"{base}/{template.lstrip('/')}",
            "language": "python",
            "config": config,
            "files": None,
            "test_data": "",
            "isDisabled": False,
            "isDirect": False,
            "isProxy": False,
        }

    async def _call(self, request: web.Request, function: LoadedFunction | None) -> int:
        """Begin a call of a timer or activity function, and return the status code without waiting for the call."""
        if request.content_type != "application/json":
            return 415
        try:
            sent = {key.lower(): value for key, value in json.loads(await request.read()).items()}.get("input")
        except (ValueError, AttributeError):
            return 400
        if isinstance(sent, dict | list):
            return 400
        if function is None:
            return 404
        if function.trigger.type == TIMER:
            self.timers.call_now(function.name)
        elif function.trigger.type == ACTIVITY:
            text = "null" if sent is None else str(sent)
            with contextlib.suppress(ValueError):  # text that is not JSON does not reach the function
                json.loads(text)
                self.timers.run(function.name, self.worker.run_activity(function, text))
        return 202
