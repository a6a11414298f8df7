"""The page without an app: the browser gets the page's three files with their headers, and canned answers."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Route

from local.browser.answers import NOW

ORIGIN = "http://sluice.localhost"
FOLDER = Path(__file__).parents[2] / "page"
FILES = {"ui": "index.html", "ui/page.js": "page.js", "ui/page.css": "page.css"}
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


def pretend(context: BrowserContext, answers: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    """Answer every request below /api/ in this browser context; block other hosts. `headers` go with the files."""
    ahead = datetime.fromisoformat(NOW) - datetime.now(UTC)  # the header Date begins at NOW and runs on from there

    def answer(route: Route) -> None:
        url = urlsplit(route.request.url)
        path = url.path.removeprefix("/api/")
        if not route.request.url.startswith(ORIGIN):
            route.abort()
        elif path in FILES:
            file = FOLDER / FILES[path]
            route.fulfill(body=file.read_bytes(), headers={**headers, "Content-Type": KINDS[file.suffix]})
        elif path in answers:
            route.fulfill(
                body=json.dumps(answers[path]),
                headers={"Content-Type": "application/json", "Date": format_datetime(datetime.now(UTC) + ahead)},
            )
        else:
            problem = {"title": "not found", "status": 404, "detail": f"there is no {path}"}
            route.fulfill(status=404, body=json.dumps(problem), headers={"Content-Type": "application/problem+json"})

    context.route("**/*", answer)
