"""Styles whose cursor is the address of the next page, from the body or a Link header (RFC 8288).

A relative address is relative to the page that has it. The style does not add the source's own query to the address,
which usually has it already: some APIs refuse a request that has it twice.
"""

import re
from abc import abstractmethod
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from ingestion.errors import SourceRefused
from ingestion.source.http.origin import linked
from ingestion.source.page import Page, PageRequest
from ingestion.source.reading.path import ABSENT
from ingestion.source.reading.place import Reading, reading
from ingestion.source.styles.end import End
from ingestion.source.styles.style import Style

# Do not use httpx.Response.links: a quoted semicolon or equals sign hides the relation, which looks like the end.
_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[^\s=;,"]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]*))?)*)')
_PARAMETER = re.compile(r';\s*([^\s=;,"]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')


class AddressStyle(Style):
    """The base of the styles here. The cursor is the page's absolute URL; the end is a page without a next address."""

    ends_without: ClassVar[bool] = True

    start: str | None = None  # the address of the first page: a token of the run before; None: the source's url

    def first(self) -> Any:
        return self.start

    def sent(self, base: PageRequest, cursor: Any) -> PageRequest:
        return replace(base, url=cursor, query={})

    def next(self, page: Page, cursor: Any) -> Any | End:
        """Return the address in the page."""
        given, place = self._given(page)
        if self.end.is_none(given):
            return End(f"no {place}", missing=given is ABSENT)
        if not isinstance(given, str):
            raise SourceRefused(
                f"a page has {type(given).__name__} where an address should be ({place}); check pagination "
                "in the description"
            )
        try:
            return linked(page.url, given)
        except ValueError as error:
            raise SourceRefused(
                f"the source's next link is no address ({error}); check pagination in the description"
            ) from None

    @abstractmethod
    def _given(self, page: Page) -> tuple[Any, str]:
        """Return the next address in the page (ABSENT if there is none), and the words for its place."""


class NextUrlStyle(AddressStyle):
    """An address in the body, as in `@odata.nextLink`."""

    style: Literal["next_url"] = "next_url"
    read: Reading = reading("next")

    def _given(self, page: Page) -> tuple[Any, str]:
        return self.read.value_in(page), f"address at {self.read}"


class LinkHeaderStyle(AddressStyle):
    """An address in the Link header, with the relation `relation`."""

    style: Literal["link_header"] = "link_header"
    relation: Annotated[str, Field(min_length=1)] = "next"

    def _given(self, page: Page) -> tuple[Any, str]:
        address = links(page.headers.get("link", "")).get(self.relation.lower(), ABSENT)
        return address, f'Link header with rel="{self.relation}"'


def links(header: str) -> dict[str, str]:
    """Return the addresses in a Link header by relation, in lower case; a link may have several relations."""
    found: dict[str, str] = {}
    for address, parameters in _LINK.findall(header):
        named = [quoted or bare for name, quoted, bare in _PARAMETER.findall(parameters) if name.lower() == "rel"]
        for relation in " ".join(named[:1]).lower().split():  # a second rel does not count (RFC 8288, 3.3)
            found.setdefault(relation, address.strip())
    return found
