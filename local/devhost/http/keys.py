"""Access keys; requests need one only if devhost is started with --enable-auth."""

import secrets
from collections.abc import Iterable
from pathlib import Path

from aiohttp import web
from azure.functions import AuthLevel
from pydantic import BaseModel, Field

from local.devhost.app.loader import LoadedFunction
from local.devhost.errors import StateFileError, explained


def _new_key() -> str:
    return secrets.token_urlsafe(32)


class Keys(BaseModel):
    """The keys in the key file. `host` opens every function of the level FUNCTION, `master` opens everything."""

    master: str = Field(default_factory=_new_key)
    host: str = Field(default_factory=_new_key)
    durable: str = Field(default_factory=_new_key)
    functions: dict[str, str] = {}

    def refuse(self, function: LoadedFunction, request: web.Request) -> web.Response | None:
        """Return a response that refuses a request whose key does not open the function; else None."""
        accepted = {
            AuthLevel.ANONYMOUS: None,
            AuthLevel.FUNCTION: (self.master, self.host, self.functions[function.name]),
        }.get(function.trigger.auth_level, (self.master,))
        return None if accepted is None or _given(request) in accepted else web.Response(status=401)

    def refuse_built_in(self, request: web.Request, *accepted: str) -> web.Response | None:
        """Return a response that refuses a request with neither the master key nor an accepted key; else None."""
        given = _given(request)
        if given in (self.master, *accepted):
            return None
        if given in (self.host, self.durable):
            return web.Response(status=403)
        return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})


def key_file(state_file: Path) -> Path:
    """Return the path of the key file."""
    return state_file.with_suffix(".keys.json")


def load_keys(state_file: Path, function_names: Iterable[str]) -> Keys:
    """Read the key file and add missing keys; so a URL with a key stays valid after a restart."""
    path = key_file(state_file)
    with explained(f"cannot use key file {path}"):
        try:
            keys = Keys.model_validate_json(path.read_bytes() if path.exists() else b"{}")
        except ValueError as error:
            raise StateFileError(f"cannot read key file {path}: {error}") from error
        for name in function_names:
            keys.functions.setdefault(name, _new_key())
        path.touch(mode=0o600)
        path.write_text(keys.model_dump_json(indent=2), encoding="utf-8")
    return keys


def _given(request: web.Request) -> str:
    return request.headers.get("x-functions-key") or request.query.get("code") or ""
