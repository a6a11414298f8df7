"""Which addresses belong to a source. Requests go only there, no matter what a response says.

An origin is scheme, host and port. Next links and redirects may lead to the origin of the source's url and to those in
`hosts`; credentials go only to the origin of the url. Otherwise a page could make the app read the app's own network.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated
from urllib.parse import urljoin

import httpx
from pydantic import AfterValidator

from ingestion.validation import not_allowed

_PORTS = {"http": 80, "https": 443}
_ORIGIN_ONLY = re.compile(r"https?://[^/?#@]+/?", re.IGNORECASE)


@lru_cache(64)  # most pages ask about the same addresses
def origin(url: str | httpx.URL) -> str:
    """Return `https://host:port` of a URL, always with the port; empty if it is not an HTTP URL."""
    try:
        parsed = httpx.URL(url)
        host = parsed.host.lower().rstrip(".")
    except (httpx.InvalidURL, UnicodeError):  # UnicodeError: IDNA does not allow the host
        return ""
    if parsed.scheme not in _PORTS or not host or "%" in host or (parsed.port or 0) > 65535:
        return ""
    return f"{parsed.scheme}://{host}:{parsed.port or _PORTS[parsed.scheme]}"


def is_allowed(url: str | httpx.URL, source_url: str, hosts: Iterable[str] = ()) -> bool:
    """Return whether requests may go to `url`: to the origin of the source, or to one of `hosts`."""
    found = origin(url)
    return bool(found) and found in {origin(source_url), *(origin(host) for host in hosts)}


def linked(page_url: str, link: str) -> str:
    """Return the address of a link on a page. An http link to the page's own host becomes https if the page has https.

    A server behind a proxy that ends TLS writes http links. Others could read the answer to a request over http.
    """
    followed = urljoin(page_url, link)
    secured = re.sub("^http:", "https:", followed, flags=re.IGNORECASE)
    return secured if origin(secured) == origin(page_url) else followed


def address(url: str | httpx.URL) -> str:
    """Return a URL for people: without user, password, query and fragment, any of which may hold a key."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return "(not a URL)"
    return f"{parsed.scheme}://{parsed.netloc.decode()}{parsed.path}"


def _is_url(text: str) -> str:
    if not origin(text):
        raise not_allowed("not an HTTP address", "an address that begins with http:// or https:// and a host")
    return text


def _is_origin(text: str) -> str:
    if not origin(text) or not _ORIGIN_ONLY.fullmatch(text):
        raise not_allowed("not an origin", "http:// or https://, a host, and if necessary a port; no path")
    return text


Url = Annotated[str, AfterValidator(_is_url)]
Origin = Annotated[str, AfterValidator(_is_origin)]
