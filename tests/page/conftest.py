"""A browser for each file of tests, and watched pages: an error that no view may cause fails the test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from clients.page import HEADERS
from local.browser.chromium import HOW, chromium, path
from local.browser.pretend import ORIGIN, pretend

ROOT = Path(__file__).parents[2]
AXE = ROOT / "tests/node_modules/axe-core/axe.min.js"
PATIENCE_MS = 30_000  # a loaded machine draws a page in seconds
expect.set_options(timeout=PATIENCE_MS)
BROKEN_RULES = """
window.broken = [];
addEventListener("securitypolicyviolation", (it) => broken.push(it.violatedDirective));
"""


@dataclass
class Watched:
    """A page, and its forbidden actions."""

    page: Page
    origin: str
    errors: list[str] = field(default_factory=list)
    strange_hosts: set[str] = field(default_factory=set)
    expected: str = ""  # a part of the errors that the test means to provoke

    def open(self, place: str = "#/") -> Page:
        self.page.goto(f"{self.origin}/api/ui{place}")
        return self.page

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ending: object) -> None:
        """Close the page while its host is still running."""
        self.close()

    def close(self) -> None:
        """Close the page, and return its forbidden actions."""
        if self.page.is_closed():
            return
        broken = self.page.evaluate("window.broken ?? []")
        self.page.context.close()
        assert (broken, self.strange_hosts) == ([], set())
        assert [error for error in self.errors if not self.expected or self.expected not in error] == []

    def axe(self) -> list[str]:
        """Return the violations of the accessibility rules, each with its place."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        return [f"{one['id']}: {node['html'][:120]} {node['failureSummary']}" for one in found for node in one["nodes"]]

    def is_too_wide(self) -> bool:
        wide: bool = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        return wide


Watch = Callable[..., Watched]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's Chromium, one per module, because no other event loop may run in the thread meanwhile."""
    if path() is None:
        pytest.skip(HOW)
    with chromium() as found:
        yield found


@pytest.fixture
def watch(browser: Browser) -> Iterator[Watch]:
    """Makes a watched page of the app at `origin`; the test fails if the page has done something forbidden."""
    with ExitStack() as open_pages:

        def make(origin: str = ORIGIN, *, width: int = 1180, answers: Any = None, **options: Any) -> Watched:
            viewport = ViewportSize(width=width, height=800)
            context: BrowserContext = browser.new_context(viewport=viewport, **{"timezone_id": "UTC", **options})
            context.set_default_timeout(PATIENCE_MS)
            context.add_init_script(BROKEN_RULES)
            if answers is not None:
                pretend(context, answers, HEADERS)
            watched = Watched(context.new_page(), origin)
            page, host = watched.page, urlsplit(origin).netloc

            def asked(url: str) -> None:
                if urlsplit(url).scheme != "data" and urlsplit(url).netloc != host:
                    watched.strange_hosts.add(urlsplit(url).netloc)

            page.on("request", lambda it: asked(it.url))
            page.on("pageerror", lambda it: watched.errors.append(str(it)))
            page.on("console", lambda it: watched.errors.append(it.text) if it.type in ("error", "warning") else None)
            open_pages.callback(watched.close)
            return watched

        yield make
