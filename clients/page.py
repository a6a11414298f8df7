"""GET /api/ui: the page on which people follow and steer runs, with its script and its style sheet.

The three files hold no data, so they need no key; the page reads all data from the other routes, with the key that the
person typed. The content security policy lets the browser load and call only this app.
"""

from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import azure.durable_functions as df
import azure.functions as func

from clients.answer import unless_known

blueprint = df.Blueprint()

FOLDER = Path(__file__).parents[1] / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "  # data: is the icon
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


@blueprint.route(route="ui", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_page(req: func.HttpRequest) -> func.HttpResponse:
    """Return the page; redirect `ui/` to `ui`, because the links in the page are relative to `ui`."""
    if urlsplit(req.url).path.endswith("/"):
        return func.HttpResponse(status_code=308, headers={"Location": "../ui"})
    return _answer(req, "index.html")


@blueprint.route(route="ui/page.js", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_page_script(req: func.HttpRequest) -> func.HttpResponse:
    """Return the script of the page."""
    return _answer(req, "page.js")


@blueprint.route(route="ui/page.css", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_page_style(req: func.HttpRequest) -> func.HttpResponse:
    """Return the style sheet of the page."""
    return _answer(req, "page.css")


@cache
def content(name: str) -> bytes:
    """Return a file of the page, read once for each process."""
    return (FOLDER / name).read_bytes()


def _answer(req: func.HttpRequest, name: str) -> func.HttpResponse:
    """Return the file, or 304 if the browser has it."""
    kind = KINDS[Path(name).suffix]
    return unless_known(req, func.HttpResponse(content(name), mimetype=kind, charset="utf-8", headers=HEADERS))
