"""What APIs do wrong, as routes beside the ways of paging of the demo API."""

from aiohttp import web

from local.demo.paging.library import FAMILIES, library
from local.demo.paging.listing import Listing
from tests.sources.wrong import transport, trouble


def every_api(listing: Listing) -> web.Application:
    """An application with every way of paging, and with what goes wrong."""
    return library(listing, (*FAMILIES, transport, trouble))
