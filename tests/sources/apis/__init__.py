"""More ways of paging than in the demo API, and faults of APIs."""

from aiohttp import web

from local.demo.paging.library import FAMILIES, library
from local.demo.paging.listing import Listing
from tests.sources.apis import tokens, transport, trouble


def every_api(listing: Listing) -> web.Application:
    """Return an application with every way of paging and every fault."""
    return library(listing, (*FAMILIES, tokens, transport, trouble))
