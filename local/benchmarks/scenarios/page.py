"""CPU time of the page in a browser, for a run of few chunks and a run of many: to draw it and to keep it up to date.

Chromium counts the milliseconds of CPU that the page's thread spends in scripts, in styles and in layout. From the
empty tab to the drawn run, `draw_script_ms` is the time in scripts, including reading and compiling the page's own
script; `draw_layout_ms` is the time in styles and layout. `kept_ms` is the time of all three in an average second
afterwards: the countdowns go on, and new counts come every two seconds. The answers are canned.
"""

from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import CDPSession

from clients.page import HEADERS
from local.benchmarks.findings import Figures
from local.browser import answers
from local.browser.chromium import chromium
from local.browser.pretend import ORIGIN, pretend

SIZE = 10_000  # chunks
REPEATS = 5
FEW = 40
COLUMNS = ("draw_script_ms", "draw_layout_ms", "kept_ms")
RATIOS = {"many_to_few": ("draw_script_ms", "many", "few")}
SECONDS = 6


def measure(size: int, repeat: int, folder: Path) -> Iterator[tuple[str, Figures]]:
    for name, chunks in {"few": FEW, "many": size}.items():
        canned = answers.about(answers.large(chunks))
        with chromium() as browser:
            context = browser.new_context(viewport={"width": 1180, "height": 800})
            pretend(context, canned, HEADERS)
            page = context.new_page()
            session = context.new_cdp_session(page)
            session.send("Performance.enable", {"timeDomain": "threadTicks"})  # CPU of the thread alone
            page.goto(f"{ORIGIN}/api/ui#/runs/large")
            page.locator(".timeline li").first.wait_for()
            page.locator(".cells i").last.wait_for()
            drawn, cells = spent(session), page.locator(".cells i").count()
            for second in range(SECONDS):
                canned["runs/large"]["progress"]["enqueued"] += 1_000 * (second % 2)
                page.wait_for_timeout(1_000)
            kept = sum(spent(session)) - sum(drawn)
        script, layout = drawn
        figures: Figures = {"chunks": chunks, "cells": cells}
        yield name, {**figures, "draw_script_ms": script, "draw_layout_ms": layout, "kept_ms": kept / SECONDS}


def spent(session: CDPSession) -> tuple[float, float]:
    """Return the milliseconds spent so far in scripts, and in styles and layout."""
    found = {one["name"]: one["value"] * 1000 for one in session.send("Performance.getMetrics")["metrics"]}
    return found["ScriptDuration"], found["LayoutDuration"] + found["RecalcStyleDuration"]
