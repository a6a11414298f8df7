"""Access keys, asked for only when devhost is started with --enable-auth.

On the way: a request enters, whether it may pass leaves. Keys are made on the first start and kept in
a file beside the state file, so that a URL with a key stays good over restarts.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from devhost.errors import StateFileError
from devhost.loader import LoadedFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The master key, the host key for all functions, one key a function, and the durable API's key."""

    master: str
    host: str
    durable: str
    functions: dict[str, str] = field(default_factory=dict)

    def opens(self, function: LoadedFunction, request: web.Request) -> bool:
        """Tell whether the request may call the function."""
        level = str(getattr(function.trigger.auth_level, "value", function.trigger.auth_level)).lower()
        if level == "anonymous":
            return True
        accepted = [self.master]
        if level == "function":
            accepted += [self.host, self.functions.get(function.name, self.host)]
        return _holds(request, accepted)

    def opens_durable(self, request: web.Request) -> bool:
        """Tell whether the request may use the public durable API."""
        return _holds(request, [self.master, self.durable])


def load_keys(path: Path, function_names: list[str]) -> Keys:
    """Read the key file and make the keys that are missing."""
    try:
        stored = json.loads(path.read_text("utf-8")) if path.exists() else {}
        functions = stored.get("functions", {})
        keys = Keys(
            master=stored.get("master") or secrets.token_urlsafe(32),
            host=stored.get("host") or secrets.token_urlsafe(32),
            durable=stored.get("durable") or secrets.token_urlsafe(32),
            functions={name: functions.get(name) or secrets.token_urlsafe(32) for name in function_names},
        )
    except (ValueError, AttributeError) as error:
        raise StateFileError(f"key file {path} cannot be read: {error}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(
        {"master": keys.master, "host": keys.host, "durable": keys.durable, "functions": keys.functions}, indent=2
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return keys


def _holds(request: web.Request, accepted: list[str]) -> bool:
    given = request.headers.get("x-functions-key") or request.query.get("code") or ""
    return any(secrets.compare_digest(given.encode(), key.encode()) for key in accepted)
