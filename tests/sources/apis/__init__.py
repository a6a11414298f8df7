"""More ways of paging than the demo API has, and what APIs do wrong."""

from aiohttp import web

from local.demo.paging.library import FAMILIES, library
from local.demo.paging.listing import Listing
from tests.sources.apis import tokens, transport, trouble


def every_api(listing: Listing) -> web.Application:
    """An application with every way of paging, and with what goes wrong."""
    return library(listing, (*FAMILIES, tokens, transport, trouble))
