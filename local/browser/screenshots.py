"""`python -m local.browser.screenshots` (make screenshots): take the pictures of the page in docs/images.

The answers are canned, so a picture changes only if the page changes.
"""

import sys
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize

from clients.page import HEADERS
from local.browser import answers
from local.browser.chromium import chromium
from local.browser.pretend import ORIGIN, pretend

FOLDER = Path(__file__).parents[2] / "docs" / "images"
PLACES = {"list": "#/", "run": "#/runs/orders-20261126"}
LOOKS = {"light": ("light", (1120, 800)), "dark": ("dark", (1120, 800)), "phone": ("dark", (375, 760))}


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        with chromium() as browser:
            for place in PLACES:
                for look in LOOKS:
                    print(take(browser, place, look))
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def take(browser: Browser, place: str, look: str) -> Path:
    """Take one picture, and return its file."""
    scheme, (width, height) = LOOKS[look]
    size = ViewportSize(width=width, height=height)
    context = browser.new_context(
        viewport=size, color_scheme="dark" if scheme == "dark" else "light", timezone_id="UTC", reduced_motion="reduce"
    )
    pretend(context, answers.many(), HEADERS)
    page = context.new_page()
    page.goto(f"{ORIGIN}/api/ui{PLACES[place]}")
    page.wait_for_load_state("networkidle")
    file = FOLDER / f"page-{place}-{look}.png"
    page.screenshot(path=file)
    context.close()
    return file


if __name__ == "__main__":
    sys.exit(main())
