"""Whom the source may send us to: next links and redirects lead to its own hosts, or the run stops.

A page that could name any address could make the app read its own network, and hand it the source's credentials. An
address is read here as the HTTP client reads it, so that the two cannot differ on where it leads.
"""

from collections.abc import Iterable

import httpx

from ingestion.errors import SourceRefused

PORTS = {"http": 80, "https": 443}


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL: what may be trusted together. Raises ValueError if it has none."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError("no address that can be read") from None
    if parts.scheme not in PORTS or not parts.host:
        raise ValueError("not an http or https address with a host")
    return parts.scheme, parts.host.lower().rstrip("."), parts.port or PORTS[parts.scheme]


def pin(url: str, allowed: Iterable[str], *, what: str = "next link") -> None:
    """Raise SourceRefused, with the host, unless `url` is at one of the allowed origins."""
    trusted = {origin(each) for each in allowed}
    try:
        wanted = origin(url)
        if httpx.URL(url).userinfo:
            raise ValueError("an address with a user name in it")
    except ValueError as error:
        raise SourceRefused(f"the source's {what} is {error}") from None
    if wanted not in trusted:
        names = ", ".join(sorted("{}://{}:{}".format(*each) for each in trusted))
        raise SourceRefused(
            "the source's {} leads to {}://{}:{}, and only {} may be asked; ".format(what, *wanted, names)
            + "if that is right, add the other one to hosts"
        )


def without_secrets(url: str) -> str:
    """A URL for people: without user, password, query and fragment, any of which may hold a key."""
    try:
        return str(httpx.URL(url).copy_with(username=None, password=None, query=None, fragment=None))
    except httpx.InvalidURL:
        return "(not a URL)"
