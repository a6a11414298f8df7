"""The views of the page, with answers that a real run gives only after hours."""

import json
import re
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from ingestion.deadline import HTTP_SECONDS
from local.browser import answers
from tests.page.conftest import Watch

LONG = "x" * 64
VIEWS = {
    "list": "#/", "running": "#/runs/orders-20261126", "waiting": "#/runs/events-backfill", "large": "#/runs/large",
    "start": "#/start", "unknown": "#/runs/nobody", "long": f"#/runs/{LONG}",
}  # fmt: skip


def everything() -> dict[str, Any]:
    long = answers.run(LONG, "failed", source="y" * 80, error="z" * 400, report={"outcome": "failed", "seconds": 3.1})
    both = answers.about(answers.large()) | answers.about(long)
    return answers.many() | both


def to_rest(page: Page) -> None:
    """Wait until the view has its answers."""
    expect(page.locator("h1")).to_be_visible()
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1180), ("dark", 375)])
def test_every_view_can_be_used_by_everybody_and_fits(watch: Watch, scheme: str, width: int) -> None:
    watched = watch(answers=everything(), color_scheme=scheme, width=width)
    watched.expected = "404"  # the browser notes it for the run that is not there
    watched.open()
    for view, place in VIEWS.items():
        page = watched.open(place)
        to_rest(page)
        if view == "start":
            page.get_by_role("button", name="Plan").click()
            page.get_by_text("More").click()
            expect(page.get_by_text("The first messages")).to_be_visible()
        assert (view, watched.axe()) == (view, [])
        assert not watched.is_too_wide(), view
    page = watched.open(VIEWS["running"])
    page.get_by_role("button", name="Cancel").click()
    assert watched.axe() == []
    assert not watched.is_too_wide()


def test_a_run_of_ten_thousand_chunks_is_drawn_in_at_most_400_cells(watch: Watch) -> None:
    page = watch(answers=everything()).open("#/runs/large")
    expect(page.locator(".cells i").first).to_be_visible()
    assert 0 < page.locator(".cells i").count() <= 400
    expect(page.locator(".cells i").nth(13)).to_have_attribute("title", "chunks 325 to 349: failed")


def test_the_bar_has_true_proportions_and_the_identity_stands_below_it(watch: Watch) -> None:
    page = watch(answers=answers.many()).open("#/runs/orders-20261126")
    expect(page.locator(".identity")).to_have_text(
        "fetched 560,000 = enqueued 431,208 + rejected 12 + failed 5,000 + pending 123,780"
    )
    widths = page.locator(".bar").evaluate("bar => [...bar.children].map(it => [it.className, it.style.width])")
    shares = {name: float(width.rstrip("%")) for name, width in widths}
    assert shares == pytest.approx({"enqueued": 43.1208, "rejected": 0.0012, "failed": 0.5, "pending": 12.378})


def test_items_that_the_run_before_had_do_not_look_like_loss(watch: Watch) -> None:
    ended: dict[str, Any] = {"fetched": 3, "enqueued": 3, "rejected": 0, "failed": 0, "pending": 0, "source_total": 5}
    ended |= {"source_exhausted": True, "incremental": {"known": 2, "outside": 0, "moved": True}}
    night = answers.run("night", "completed", progress=ended, report=ended)
    rows = [answers.summary("night", "completed", **{name: ended[name] for name in ("fetched", "enqueued", "pending")})]
    rows[0]["source_total"] = 5
    page = watch(answers=answers.many() | answers.about(night) | {"runs": {"runs": rows, "next": None}}).open()
    expect(page.locator("tbody .gauge")).to_have_text("3 of 3")
    page.get_by_role("link", name="night").click()
    expect(page.locator(".panel.counts .under").first).to_contain_text(
        "read to the end, the source says it has 5, 2 known from the run before"
    )


def test_why_a_run_waits_is_said_in_words_with_a_countdown(watch: Watch) -> None:
    page = watch(answers=answers.many()).open("#/runs/events-backfill")
    note = page.locator(".note.warn")
    expect(note).to_contain_text("The source is not available. HTTP 503. Next request in")
    expect(note).to_contain_text("(at 02:12:40), after 10 requests without a page")
    first = note.locator(".countdown").inner_text()
    expect(note.locator(".countdown")).not_to_have_text(first)


def test_a_run_that_asks_an_absent_source_again_says_so(watch: Watch) -> None:
    at = answers.NOW
    away = {"waiting_for": "outage", "reason": "HTTP 503", "attempts": 10, "wait_until": at, "patience_until": at}
    page = watch(answers=answers.about(answers.run("away", "running", progress=away))).open("#/runs/away")
    why = "The source is not available. HTTP 503. The run asks again while it sends what it has, after 10 requests"
    expect(page.locator(".note.warn").first).to_contain_text(why)


def test_what_an_answer_holds_is_text_and_nothing_else(watch: Watch) -> None:
    evil = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
    run = answers.run(
        "evil", "held", source=evil, progress={"changes": evil}, error=evil, actions=["resume", "redrive"],
        reading={"style": evil, "ended": evil}, estimate={"rests_on": evil},
    )  # fmt: skip
    canned = answers.about(run)
    canned["runs/evil/failures"] = {
        "groups": [{"reason": evil, "chunks": 1, "messages": 1, "examples": [evil]}],
        "next": None,
    }
    example = {"chunk": 1, "index": evil, "payload": evil}
    canned["runs/evil/rejected"] = {"groups": [{"reason": evil, "count": 1, "examples": [example]}], "next": None}
    canned["runs/evil/timeline"]["events"] = [{"at": answers.NOW, "event": evil, "text": evil}]
    canned["runs"] = {"runs": [answers.summary("evil", evil, source=evil, error=evil)], "next": None}
    canned["sources"] = {"sources": [{**answers.SOURCES["sources"][0], "name": evil, "host": evil, "problem": evil}]}
    canned["plan"] = {
        **answers.PLAN,
        "items": [{**answers.PLAN["items"][0], "text": evil}],
        "problems": [{"field": evil, "message": evil}],
    }
    watched = watch(answers=canned)
    page = watched.page
    page.on("dialog", lambda it: watched.errors.append(f"a script of the answer ran: {it.message}"))
    for place in ("#/", "#/runs/evil", "#/start"):
        watched.open("#/none")
        watched.open(place)
        expect(page.locator("main")).to_contain_text(evil)
        if place == "#/start":
            page.get_by_role("button", name="Plan").click()
            expect(page.get_by_text("The first messages")).to_be_visible()
        to_rest(page)
        assert page.locator("img, main script, main iframe").count() == 0
    watched.expected = "404"  # of the run "none"


def test_a_dialog_says_what_will_happen_and_the_keyboard_is_enough(watch: Watch) -> None:
    page = watch(answers=answers.many()).open("#/runs/orders-20261126")
    pause = page.get_by_role("button", name="Pause")
    pause.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Pause this run?")
    expect(dialog).to_contain_text("The run's work stops within seconds")
    expect(dialog.get_by_role("button", name="Do nothing")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(pause).to_be_focused()


def test_a_poll_moves_neither_focus_nor_what_is_open_and_says_only_what_matters(watch: Watch) -> None:
    canned = answers.many() | answers.about(answers.run(progress={"failed": 0, "pending": 128_780}))
    page = watch(answers=canned).open("#/runs/orders-20261126")
    page.locator(".links summary").click()
    pause, spoken = page.get_by_role("button", name="Pause"), page.get_by_role("status")
    pause.focus()
    canned |= answers.about(answers.run(progress={"enqueued": 440_000, "pending": 114_988}))
    expect(page.locator(".identity")).to_contain_text("enqueued 440,000")
    expect(pause).to_be_focused()
    expect(page.locator(".links details")).to_have_attribute("open", "")
    expect(spoken).to_have_text("")
    canned |= answers.about(answers.run(status="paused", actions=["resume", "cancel"]))
    expect(spoken).to_have_text("orders-20261126: paused")
    expect(page.locator(".failures")).to_be_visible()  # between what was there before
    expect(page.locator(".links details")).to_have_attribute("open", "")


def test_who_asks_for_less_motion_sees_none(watch: Watch) -> None:
    for motion, seconds in (("reduce", "0s"), ("no-preference", "0.3s")):
        page = watch(answers=answers.many(), reduced_motion=motion).open("#/runs/orders-20261126")
        expect(page.locator(".bar i").first).to_have_css("transition-duration", seconds)


def test_the_page_asks_for_the_key_keeps_it_for_the_tab_and_sends_it_as_a_header(watch: Watch) -> None:
    watched = watch(answers=answers.many())
    watched.expected = "401"
    asked: list[str] = []

    def guarded(route: Route) -> None:
        asked.append(route.request.url)
        if route.request.headers.get("x-functions-key") == "k+/=":
            route.fallback()
        else:
            route.fulfill(status=401)

    watched.page.route("**/api/runs*", guarded)
    page = watched.open()
    expect(page.get_by_label("Function key")).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("This app needs a key.")
    for key in ("wrong", "k+/="):
        page.get_by_label("Function key").fill(key)
        page.keyboard.press("Enter")
        if key == "wrong":
            expect(page.locator(".note", has_text="The app does not accept this key")).to_be_visible()
    expect(page.get_by_role("link", name="orders-20261126")).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="orders-20261126")).to_be_visible()
    assert not [url for url in asked if "k+" in url or "k%2B" in url]
    assert page.evaluate("localStorage.length") == 0
    page.get_by_role("button", name="Forget the key").click()
    expect(page.get_by_label("Function key")).to_be_visible()


def test_an_app_that_does_not_answer_is_said_and_asked_again(watch: Watch) -> None:
    watched = watch(answers=answers.many())
    watched.expected = "ERR_CONNECTION_REFUSED"
    page = watched.open("#/runs/orders-20261126")
    expect(page.locator(".bar")).to_be_visible()
    watched.page.route("**/api/runs/**", lambda route: route.abort("connectionrefused"))
    expect(page.locator(".note.bad")).to_contain_text("The app does not answer")
    expect(page.locator(".bar")).to_be_visible()
    watched.page.unroute("**/api/runs/**")
    expect(page.locator(".note.bad")).to_have_count(0)


def test_a_refused_command_says_in_its_dialog_what_is_allowed(watch: Watch) -> None:
    watched = watch(answers=answers.many())
    watched.expected = "409"
    canned = {"title": "Conflict", "detail": "the run has ended", "field": "run_id", "allowed": "to redrive"}
    watched.page.route("**/pause", lambda route: route.fulfill(status=409, body=json.dumps(canned)))
    page = watched.open("#/runs/orders-20261126")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_role("dialog")).to_contain_text("run_id: the run has endedAllowed: to redrive")


def test_the_list_is_filtered_by_the_address_and_goes_on_with_older_runs(watch: Watch) -> None:
    canned = answers.many()
    watched = watch(answers=canned)
    page = watched.open()
    with page.expect_request(lambda it: "status=failed" in it.url):
        page.get_by_label("State").select_option("failed")
    assert page.url.endswith("#/?status=failed")
    with page.expect_request(lambda it: "after=token" in it.url and "status=failed" in it.url):
        page.get_by_role("button", name="Show older runs").click()


def test_two_equal_starts_return_the_same_run(watch: Watch) -> None:
    watched = watch(answers=answers.many())
    watched.expected = "503"
    bodies: list[Any] = []

    def started(route: Route) -> None:
        bodies.append(route.request.post_data_json)
        if len(bodies) == 1:
            route.fulfill(status=503, body='{"detail": "storage did not answer", "field": "(storage)"}')
        else:
            route.fulfill(status=202, body='{"run_id": "orders-20261126", "status_url": "/api/runs/orders-20261126"}')

    watched.page.route("**/api/runs?links=none", started)
    page = watched.open("#/start")
    start = page.get_by_role("button", name="Start the run")
    start.click()
    expect(page.locator(".note.bad")).to_have_text("storage did not answer")
    start.click()
    expect(page.locator(".identity")).to_be_visible()
    assert bodies[0] == bodies[1]
    assert bodies[0]["source"] == "orders"
    assert bodies[0]["run_id"].startswith("orders-2026")


def test_a_timeline_of_clocks_that_differ_is_drawn_inside_its_frame(watch: Watch) -> None:
    canned = answers.many()
    canned["runs/orders-20261126/timeline"]["points"][-1]["seconds"] = -28_487_784.0
    page = watch(answers=canned).open("#/runs/orders-20261126")
    path = page.locator(".rates .line").get_attribute("d") or ""
    assert {0 <= float(x) <= 1000 for x in re.findall(r"[ML]([-0-9.]+) ", path)} == {True}


def test_runs_that_newer_ones_push_from_the_first_page_stay_in_the_list(watch: Watch) -> None:
    watched = watch(answers=answers.many())
    runs = [answers.summary(f"run-{it}", "completed", started_at=f"2026-11-26T0{it}:00:00+00:00") for it in range(7)]
    newest = 5

    def listed(route: Route) -> None:
        after = re.search(r"after=(\d+)", route.request.url)
        begin = int(after[1]) - 1 if after else newest
        found = [runs[it] for it in range(begin, max(begin - 3, -1), -1)]
        route.fulfill(body=json.dumps({"runs": found, "next": None if begin < 3 else str(begin - 2)}))

    watched.page.route(re.compile(r"/api/runs\?"), listed)
    page = watched.open()
    page.get_by_role("button", name="Show older runs").click()
    expect(page.locator("tbody tr")).to_have_count(6)
    newest = 6
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("tbody tr").first).to_contain_text("run-6")
    assert [row.split()[0] for row in page.locator("tbody th").all_inner_texts()] == [
        f"run-{it}" for it in range(6, -1, -1)
    ]


def test_a_late_answer_to_a_command_leaves_the_dialog_of_the_next_one_alone(watch: Watch) -> None:
    watched = watch(answers=answers.many())
    waiting: list[Route] = []
    watched.page.route("**/pause", lambda route: waiting.append(route))
    page = watched.open("#/runs/orders-20261126")
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Pause").click()
    with page.expect_request("**/pause"):
        dialog.get_by_role("button", name="Pause").click()
    expect(dialog.get_by_role("button", name="Do nothing")).to_be_disabled()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Cancel").click()
    expect(dialog).to_contain_text("Cancel this run?")
    waiting[0].fulfill(status=202, body='{"run_id": "orders-20261126", "command": "pause"}')
    expect(page.locator("#said")).to_contain_text("sent pause")
    page.wait_for_load_state("networkidle")
    expect(dialog).to_contain_text("Cancel this run?")


def test_the_page_waits_for_an_answer_as_long_as_the_app_may_take(watch: Watch) -> None:
    watched = watch(answers=answers.many())
    watched.page.add_init_script("""
        const timeout = AbortSignal.timeout;
        AbortSignal.timeout = (length) => (window.longest = length, timeout.call(AbortSignal, length));
    """)
    page = watched.open("#/start")
    to_rest(page)
    assert page.evaluate("longest") > 1000 * HTTP_SECONDS


def test_a_panel_without_an_answer_does_not_hold_back_the_state_of_the_run(watch: Watch) -> None:
    canned = answers.many()
    watched = watch(answers=canned)
    unanswered: list[Route] = []
    watched.page.route("**/timeline", lambda route: unanswered.append(route))
    page = watched.open("#/runs/orders-20261126")
    expect(page.locator("h1 .state")).to_have_text("running")
    canned |= answers.about(answers.run(status="completed"))
    expect(page.locator("h1 .state")).to_have_text("completed")
    assert unanswered


def test_a_late_answer_does_not_replace_a_newer_one(watch: Watch) -> None:
    canned = answers.many()
    watched = watch(answers=canned)
    asked: list[Route] = []
    watched.page.route("**/queues", lambda route: asked.append(route))
    page = watched.open("#/runs/orders-20261126")
    expect(page.locator("h1 .state")).to_have_text("running")
    with page.expect_request("**/queues"):
        canned |= answers.about(answers.run(status="completed"))
    expect(page.locator("h1 .state")).to_have_text("completed")
    earlier, later = asked
    later.fulfill(json={**answers.QUEUES, "depth": 222})
    expect(page.locator(".panel.queue")).to_contain_text("222")
    earlier.fulfill(json={**answers.QUEUES, "depth": 111})
    to_rest(page)
    expect(page.locator(".panel.queue")).to_contain_text("222")


def test_failures_and_rejects_are_read_again_only_when_there_are_others(watch: Watch) -> None:
    canned = answers.many()
    watched = watch(answers=canned)
    asked: list[str] = []
    time = datetime.fromisoformat(answers.NOW)

    def answered(route: Route) -> None:
        path = urlsplit(route.request.url).path.removeprefix("/api/")
        asked.append(path.rpartition("/")[2])
        headers = {"Content-Type": "application/json", "Date": format_datetime(time)}
        route.fulfill(body=json.dumps(canned[path]), headers=headers)

    watched.page.route(re.compile(r"/api/runs/"), answered)
    page = watched.open("#/runs/orders-20261126")
    expect(page.locator(".panel.rejected")).to_be_visible()

    def look_later(panel: str) -> None:
        nonlocal time
        time += timedelta(seconds=11)
        with page.expect_response(re.compile(panel)):
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    look_later("/timeline")
    look_later("/timeline")
    assert (asked.count("timeline"), asked.count("rejected"), asked.count("failures")) == (3, 1, 1)
    canned["runs/orders-20261126"]["progress"]["rejected"] += 1
    look_later("/rejected")
    assert asked.count("failures") == 1


def test_the_rows_behind_show_older_runs_are_read_again_as_well(watch: Watch) -> None:
    watched = watch(answers=answers.many())
    status = "running"

    def listed(route: Route) -> None:
        is_older = "after=" in route.request.url
        run = answers.summary("older" if is_older else "newer", status, started_at=f"2026-11-26T0{1 - is_older}:00:00Z")
        route.fulfill(body=json.dumps({"runs": [run], "next": None if is_older else "token"}))

    watched.page.route(re.compile(r"/api/runs\?"), listed)
    page = watched.open()
    page.get_by_role("button", name="Show older runs").click()
    expect(page.locator("tbody .state")).to_have_text(["running", "running"])
    status = "completed"
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("tbody .state")).to_have_text(["completed", "completed"])


def test_a_row_says_of_when_its_counts_are_once_they_are_old(watch: Watch) -> None:
    old = answers.summary("old", "running", counts_at="2026-11-26T02:05:00+00:00")
    runs = [answers.summary("new", "running"), old]
    page = watch(answers=answers.many() | {"runs": {"runs": runs, "next": None}}).open()
    expect(page.locator("tbody .gauge")).to_have_text(["431,208 of 1,000,000", "431,208 of 1,000,000 at 02:05:00"])


def test_since_a_day_means_the_day_of_the_person(watch: Watch) -> None:
    page = watch(answers=answers.many(), timezone_id="Asia/Tokyo").open()
    with page.expect_request(lambda it: "from=2026-11-25T15%3A00%3A00Z" in it.url):
        page.get_by_label("Since").fill("2026-11-26")
    expect(page.get_by_label("Since")).to_have_value("2026-11-26")


def test_what_is_no_number_is_not_left_out_of_a_start(watch: Watch) -> None:
    page = watch(answers=answers.many()).open("#/start")
    page.get_by_text("More").click()
    page.get_by_label("Messages in a chunk").fill("5,000")
    with page.expect_request("**/api/plan") as asked:
        page.get_by_role("button", name="Plan").click()
    assert json.loads(asked.value.post_data or "")["chunk_size"] == "5,000"


def test_a_run_that_failed_says_why_and_what_to_do_next(watch: Watch) -> None:
    none = {"enqueued": 0}
    run = answers.run("ended", "failed", error="HTTP 401", actions=["redrive", "delete"], progress=none)
    timeline = {"points": [one | none for one in answers.timeline()["points"][:2]], "events": [], "full": False}
    page = watch(answers=answers.about(run) | {"runs/ended/timeline": timeline}).open("#/runs/ended")
    expect(page.locator(".note")).to_contain_text(
        ["Why it failed: HTTP 401", "Next: remove the cause, then press Redrive"]
    )
    expect(page.locator(".rates")).to_contain_text("0/s at most")


def test_a_run_that_is_not_there_says_where_it_may_be(watch: Watch) -> None:
    watched = watch(answers=answers.many())
    watched.expected = "404"
    expect(watched.open("#/runs/nobody").locator("main")).to_contain_text(
        "started in another app than sluice.localhost"
    )


def test_a_run_whose_counts_do_not_move_says_so(watch: Watch) -> None:
    watched = watch(answers=answers.many())
    later = 0

    def answer(route: Route) -> None:
        date = datetime.fromisoformat(answers.NOW) + timedelta(seconds=later)
        route.fulfill(body=json.dumps(answers.run()), headers={"Date": format_datetime(date)})

    watched.page.route("**/api/runs/orders-20261126", answer)
    page = watched.open("#/runs/orders-20261126")
    expect(page.locator(".identity")).to_be_visible()
    expect(page.locator(".note")).to_have_count(0)
    later = 40
    expect(page.locator(".note")).to_contain_text("No message has reached the queue for 4")
    watched.expected = "ERR_FAILED"
    watched.page.route(re.compile("/api/runs/"), lambda route: route.abort())
    expect(page.locator(".note")).to_contain_text("The app does not answer")
    expect(page.get_by_text("No message has reached the queue")).to_have_count(0)
    expect(page.locator(".queue")).to_contain_text("431,208")
