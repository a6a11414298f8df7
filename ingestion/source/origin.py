"""Which addresses belong to a source: it is asked there and nowhere else, whatever a response says.

An origin is scheme, host and port. Next links and redirects may lead to the origin of the source's url and to those in
`hosts`; credentials go to the first alone. A page that could name any address could make the app read its own network.
"""

from collections.abc import Iterable

import httpx

from ingestion.errors import SourceRefused

_PORTS = {"http": 80, "https": 443}


def origin(url: str | httpx.URL) -> str:
    """`https://host:port` of a URL, the port always written; empty for what is no HTTP URL."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return ""
    if parsed.scheme not in _PORTS or not parsed.host:
        return ""
    return f"{parsed.scheme}://{parsed.host.lower().rstrip('.')}:{parsed.port or _PORTS[parsed.scheme]}"


def url_of(text: str, key: str) -> httpx.URL:
    """The URL at `key` of a source. Raises SourceRefused if it is none, whatever the pattern of its text."""
    try:
        return httpx.URL(text)
    except httpx.InvalidURL as error:
        raise SourceRefused(f"{key} in the sources file is no address that can be asked: {error}") from None


def is_allowed(url: str | httpx.URL, source_url: str, hosts: Iterable[str] = ()) -> bool:
    """Whether requests may go to `url`: to the origin of the source, or to one of `hosts`."""
    found = origin(url)
    return bool(found) and found in {origin(source_url), *(origin(host) for host in hosts)}


def address(url: str | httpx.URL) -> str:
    """A URL for people: without user, password, query and fragment, any of which may hold a key."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "(not a URL)"
    return f"{parsed.scheme}://{parsed.netloc.decode()}{parsed.path}"
