"""Access keys, asked for only when devhost is started with --enable-auth."""

import secrets
from collections.abc import Iterable
from pathlib import Path

from aiohttp import web
from azure.functions import AuthLevel
from pydantic import BaseModel, Field

from devhost.errors import StateFileError, explained
from devhost.loader import LoadedFunction


def _new_key() -> str:
    return secrets.token_urlsafe(32)


class Keys(BaseModel):
    """The keys as they are kept; the host key is good for all functions."""

    master: str = Field(default_factory=_new_key)
    host: str = Field(default_factory=_new_key)
    durable: str = Field(default_factory=_new_key)
    functions: dict[str, str] = {}

    def opens(self, function: LoadedFunction, request: web.Request) -> bool:
        """Tell whether the request may call the function."""
        match function.trigger.auth_level:
            case AuthLevel.ANONYMOUS:
                return True
            case AuthLevel.FUNCTION:
                return _holds(request, self.master, self.host, self.functions[function.name])
        return _holds(request, self.master)

    def opens_durable(self, request: web.Request) -> bool:
        """Tell whether the request may use the durable API."""
        return _holds(request, self.master, self.durable)


def key_file(state_file: Path) -> Path:
    """Name the file that keeps the keys."""
    return state_file.with_suffix(".keys.json")


def load_keys(state_file: Path, function_names: Iterable[str]) -> Keys:
    """Read the key file and add what is missing: a URL with a key stays good over restarts."""
    path = key_file(state_file)
    with explained(f"key file {path} cannot be used"):
        try:
            keys = Keys.model_validate_json(path.read_bytes() if path.exists() else b"{}")
        except ValueError as error:
            raise StateFileError(f"key file {path} cannot be read: {error}") from error
        for name in function_names:
            keys.functions.setdefault(name, _new_key())
        path.touch(mode=0o600)
        path.write_text(keys.model_dump_json(indent=2), encoding="utf-8")
    return keys


def _holds(request: web.Request, *accepted: str) -> bool:
    given = request.headers.get("x-functions-key") or request.query.get("code") or ""
    return given != "" and any(secrets.compare_digest(given.encode(), key.encode()) for key in accepted)
