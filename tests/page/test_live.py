"""The page on the real app: start, watch and control a run with its buttons only."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import rig as rig
from tests.e2e.conftest import small_api as small_api
from tests.e2e.rig import ALL_ONCE, Rig
from tests.page.conftest import Watch


def press(page: Page, name: str) -> None:
    """Press a button, and confirm in its dialog."""
    page.get_by_role("button", name=name).first.click()
    dialog = page.get_by_role("dialog")
    dialog.locator("button.main").click()
    expect(dialog).to_be_hidden()


def becomes(page: Page, status: str) -> None:
    expect(page.locator("h1 .state")).to_have_text(status)


def share(page: Page, part: str) -> float:
    """Return the width of a part of the bar, in percent."""
    width: str = page.locator(f".bar .{part}").evaluate("it => it.style.width")
    return float(width.rstrip("%"))


def test_a_run_is_planned_started_and_watched_until_its_bar_is_full(watch: Watch, rig: Rig) -> None:
    rig.hold(10)
    with rig.host() as host, watch(host.app.url) as watched:
        page = watched.open()
        expect(page.get_by_text("There is no run yet.")).to_be_visible()
        page.get_by_role("link", name="Start a run").click()
        page.get_by_label("Source", exact=True).select_option("demo")
        page.get_by_text("More").click()
        page.get_by_label("Messages in a chunk").fill("25")
        page.get_by_role("button", name="Plan").click()
        expect(page.get_by_text("The first messages, as the run would send them")).to_be_visible()
        expect(page.locator(".plan")).to_contain_text("560")
        page.get_by_role("button", name="Start the run").click()
        rig.gate.wait_until_reached()
        becomes(page, "running")
        expect(page.locator(".cells .w").first).to_be_visible()
        assert share(page, "enqueued") < 100
        assert watched.axe() == []
        rig.gate.open()
        becomes(page, "completed")
        assert share(page, "enqueued") == 100
        expect(page.locator(".identity")).to_have_text("fetched 560 = enqueued 560 + rejected 0 + failed 0 + pending 0")
        expect(page.locator(".cells .d")).to_have_count(23)
        page.get_by_text("Report", exact=True).click()
        expect(page.locator(".links pre").first).to_contain_text('"outcome": "completed"')
        assert watched.axe() == []
        page.get_by_role("link", name="Runs", exact=True).first.click()
        expect(page.locator(".runs tbody .state")).to_have_text("completed")
        assert rig.read_back() == ALL_ONCE


def test_buttons_pause_and_resume_a_run_and_polls_get_only_changes(watch: Watch, rig: Rig) -> None:
    with rig.host(time_flies=False) as host, watch(host.app.url, color_scheme="dark", width=375) as watched:
        host.start_held(8)
        page = watched.open("#/runs/run")
        becomes(page, "running")
        press(page, "Pause")
        becomes(page, "pausing")
        rig.gate.open()
        becomes(page, "paused")
        host.app.rest()
        expect(page.locator(".note")).to_have_text(re.compile("fetches and sends nothing until somebody resumes"))
        press(page, "Resume")
        becomes(page, "completed")
        with page.expect_response(lambda it: it.url.endswith("/runs/run") and it.status == 304):
            page.evaluate(
                "document.dispatchEvent(new Event('visibilitychange'))"
            )  # it looks at once when it is seen again
        assert rig.read_back() == ALL_ONCE


def test_a_run_is_cancelled_redriven_and_deleted_by_buttons(watch: Watch, rig: Rig) -> None:
    with rig.host() as host, watch(host.app.url, color_scheme="dark") as watched:
        host.start_held(8)
        page = watched.open("#/runs/run")
        becomes(page, "running")
        press(page, "Cancel")
        becomes(page, "cancelling")
        rig.gate.open()
        becomes(page, "cancelled")
        press(page, "Redrive")
        becomes(page, "completed")
        assert rig.read_back() == ALL_ONCE
        press(page, "Delete")
        expect(page.get_by_text("There is no run yet.")).to_be_visible()


def test_a_failed_chunk_is_seen_and_redriven_from_where_it_is_seen(watch: Watch, rig: Rig) -> None:
    rig.refused = {3}
    with rig.host() as host, watch(host.app.url) as watched:
        host.start(tolerated_failures="50%")
        host.wait()
        page = watched.open("#/runs/run")
        becomes(page, "completed with failures")
        expect(page.locator(".cells i").nth(3)).to_have_attribute("title", "chunk 3: failed")
        expect(page.locator(".failures tbody")).to_contain_text("the queue answered HTTP 403")
        expect(page.locator(".identity")).to_contain_text("failed 25")
        assert watched.axe() == []
        rig.refused = ()
        press(page, "Redrive these")
        becomes(page, "completed")
        expect(page.locator(".cells .f")).to_have_count(0)
        assert rig.read_back() == ALL_ONCE
