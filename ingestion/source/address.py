"""Whom the source may send us to: next links and redirects lead to its own hosts, or the run stops.

A page that could name any address could make the app read its own network, and hand it the source's credentials.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from ingestion.errors import SourceRefused

PORTS = {"http": 80, "https": 443}


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL: what may be trusted together. Raises ValueError if it has none."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError("not an http or https address with a host")
    return parts.scheme, parts.hostname.rstrip("."), parts.port or PORTS[parts.scheme]


def pin(url: str, allowed: Iterable[str], *, what: str = "next link") -> None:
    """Raise SourceRefused, with the host, unless `url` is at one of the allowed origins."""
    trusted = {origin(each) for each in allowed}
    try:
        wanted = origin(url)
        if urlsplit(url).username is not None:
            raise ValueError("an address with a user name in it")
    except ValueError as error:
        raise SourceRefused(f"the source's {what} is {error}") from None
    if wanted not in trusted:
        names = ", ".join(sorted("{}://{}:{}".format(*each) for each in trusted))
        raise SourceRefused(
            "the source's {} leads to {}://{}:{}, and only {} may be asked; ".format(what, *wanted, names)
            + "if that is right, add the other one to hosts"
        )
