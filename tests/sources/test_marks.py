"""From night to night nothing is lost or repeated, for every order, equal marks and late items."""

import asyncio
import json
import random
from collections import Counter
from typing import Any, cast

import httpx
import pytest
from azure.storage.blob.aio import ContainerClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.errors import SourceRefused
from ingestion.fetching import marks
from ingestion.fetching.filling import Filling
from ingestion.fetching.known import DIGEST_BYTES, Known, digest
from ingestion.fetching.line import line_of
from ingestion.fetching.marks import Marks
from ingestion.fetching.position import Position
from ingestion.reads import Reads
from ingestion.storage.spool import BatchWriter, Spool
from ingestion.wire import to_wire
from tests.sources.fake_container import FakeContainer
from tests.sources.nights import Nights, Shop, answered, ids, text
from tests.sources.reader import RUN, Reading

VALUE = {"carry": "value", "key": "at"}
CLOCK = {"carry": "clock"}
HOUR = 3_600.0
ORDERS: dict[str, Any] = {
    "ascending": lambda change: change.at,
    "descending": lambda change: -change.at,
    "unsorted": lambda change: (change.id * 7919) % 31,
}


@pytest.mark.parametrize("carried", [VALUE, CLOCK, {**CLOCK, "key": "at"}])
async def test_the_second_run_takes_what_came_since_and_the_third_nothing(carried: dict[str, Any]) -> None:
    shop = Shop()
    nights = Nights(shop, carried)
    shop.add(1, 2, 3, 4, 5)
    first = await nights.run(100)
    shop.add(100, 101, 150)
    asked = len(shop.asked)
    second, third = await nights.run(200), await nights.run(300)
    assert [len(ids(each)) for each in (first, second, third)] == [5, 3, 0]
    assert "cursor" not in shop.asked[asked], "no cursor of the run before"
    assert {query["since"] for query in shop.asked[:2]} == {text(0)}
    assert shop.asked[-1]["since"] == (text(150) if carried == VALUE else text(200))


async def test_of_equal_times_across_the_end_of_a_page_and_of_a_run_each_comes_once() -> None:
    shop = Shop(size=2)
    nights = Nights(shop, VALUE)
    shop.add(1, 5, 5, 5)
    shop.add(5, 5, late=150)
    first = await nights.run(100)
    second = await nights.run(200)
    assert [change for change, _ in ids(first)] == [0, 1, 2, 3]
    assert [change for change, _ in ids(second)] == [4, 5], "shown late, under a time that the first run had reached"
    assert (second.batches[-1].known, second.batches[-1].outside) == (3, 0)


async def test_a_change_with_the_time_of_the_one_before_is_no_item_that_is_known() -> None:
    shop = Shop()
    nights = Nights(shop, VALUE)
    shop.add(5, 5)
    await nights.run(100)
    shop.changes[1].version = 1
    second = await nights.run(200)
    assert ids(second) == [(1, 1)]
    assert second.batches[-1].known == 1


async def test_what_is_newer_than_the_range_is_left_to_the_next_run_and_does_not_move_the_watermark_past_itself() -> (
    None
):
    shop = Shop(size=10)
    nights = Nights(shop, {**VALUE, "lag": 50})
    shop.add(1, 60, 40)
    first = await nights.run(100)
    assert (ids(first), first.batches[-1].outside, nights.watermark.value) == ([(0, 0), (2, 0)], 1, text(40))
    shop.add(55, late=100)
    second = await nights.run(200)
    assert Counter(ids(second)) == Counter([(1, 0), (3, 0)])


async def test_a_backfill_takes_its_range_and_nothing_beside_it_and_has_no_mark() -> None:
    shop = Shop(size=2)
    nights = Nights(shop, {**VALUE, "overlap": 1})
    shop.add(*range(10))
    await nights.run(100)
    before = nights.watermark
    past = await nights.run(200, since=text(3), until=text(6))
    assert [change for change, _ in ids(past)] == [3, 4, 5]
    assert (past.batches[-1].mark, past.batches[-1].outside, nights.watermark) == (None, 4, before)


async def test_numbers_of_more_digits_than_a_decimal_keeps_by_itself_leave_no_gap() -> None:
    numbers = [1, 170141183460469231731687303760000000000]  # of an id of 128 bits

    def instead(query: dict[str, str]) -> httpx.Response:
        items = [{"id": number, "version": 0} for number in numbers if number >= int(query["since"])]
        return answered({"items": items, "next": None})

    nights = Nights(Shop(instead=instead), {"carry": "value", "key": "id", "form": "number", "start": 0})
    await nights.run(100)
    numbers.append(numbers[-1] + 1)
    assert ids(await nights.run(200)) == [(numbers[-1], 0)]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00", "0001-01-01T00:00:00+05:00"])
async def test_an_overlap_does_not_lead_before_the_year_that_items_without_a_date_have(at: str) -> None:
    items = [{"id": 1, "version": 0, "at": at}]
    nights = Nights(Shop(instead=lambda _: answered({"items": items, "next": None})), {**VALUE, "overlap": "1h"})
    first, second = await nights.run(100), await nights.run(200)
    assert (len(ids(first)), len(ids(second)), nights.watermark.value) == (1, 0, "0001-01-01T00:00:00Z")


async def test_a_number_of_more_digits_than_are_compared_is_refused() -> None:
    shop = Shop(instead=lambda _: answered({"items": [{"id": "1." + "1" * 5_000}], "next": None}))
    with pytest.raises(SourceRefused, match="more than 50 digits, or too large"):
        await Nights(shop, {"carry": "value", "key": "id", "form": "number", "start": 0}).run(100)


async def test_a_repeat_that_is_dropped_is_the_same_item_and_not_only_the_same_message() -> None:
    """The first page has a known message; the second page has it again, from a newer item."""
    pages = [[(7, 10)], [(7, 20)], [(7, 20), (8, 30)]]

    def instead(query: dict[str, str]) -> httpx.Response:
        page = int(query.get("cursor", "0"))
        items = [{"id": number, "at": text(at)} for number, at in pages[page]]
        return answered({"items": items, "next": str(page + 1) if page + 1 < count else None})

    nights = Nights(Shop(instead=instead), VALUE, {"repeats": "drop", "message": "id"})
    count = 1
    assert (await nights.run(100)).taken == [7]
    count = 3
    second = await nights.run(200)
    assert (second.taken, second.batches[-1].known, second.batches[-1].dropped) == ([7, 8], 1, 1)


async def test_an_item_without_its_mark_names_the_key_and_what_the_item_has() -> None:
    shop = Shop(instead=lambda _: answered({"items": [{"id": 1, "changed": None}], "next": None}))
    with pytest.raises(SourceRefused, match=r"'at' \(incremental.key\): missing; this item has id, changed\."):
        await Nights(shop, VALUE).run(100)


async def test_an_error_about_the_form_of_a_mark_names_the_key() -> None:
    shop = Shop(instead=lambda _: answered({"items": [{"id": 1, "at": 5}], "next": None}))
    with pytest.raises(SourceRefused, match=r"a number where a text should be\. .* incremental\.key_form"):
        await Nights(shop, VALUE).run(100)


async def test_the_total_of_the_source_counts_what_is_known_and_what_is_left() -> None:
    shop = Shop(size=2)
    nights = Nights(
        shop,
        {**VALUE, "lag": 50, "overlap": 50},
        {
            "total": "total",
            "pagination": {
                "style": "cursor",
                "read": "next",
                "send": "cursor",
                "end": {"exact_total": True, "one_page": True},
            },
        },
    )
    shop.add(1, 20, 30, 80, 90)
    await nights.run(100)
    second = await nights.run(120)
    last = second.batches[-1]
    assert (last.source_total, len(second.taken), last.known, last.outside) == (5, 0, 3, 2)


@pytest.mark.parametrize("most", [1, 2, 1_000])
async def test_a_source_that_is_read_again_after_its_cursor_expired_counts_each_item_once(most: int) -> None:
    dead = list[str]()

    def instead(query: dict[str, str]) -> httpx.Response | None:
        if query.get("cursor") == "4" and len(shop.asked) > 5 and not dead:
            dead.append("4")
            return answered({}, 410)
        return None

    shop = Shop(size=2)
    nights = Nights(shop, {**VALUE, "overlap": 1_000, "lag": 10}, {"expiry": {"then": "restart"}})
    shop.add(1, 2, 3, 4, 5)
    await nights.run(100)
    shop.instead = instead
    shop.add(110, 111, 195)
    second = await nights.run(200, max_messages=most)
    assert dead
    assert [change for change, _ in ids(second)] == [5, 6]
    assert (second.batches[-1].known, second.batches[-1].outside) == (5, 1)


async def test_above_the_limit_of_held_digests_nothing_is_lost_and_the_mark_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(marks, "MOST_HELD", 3)
    shop = Shop()
    nights = Nights(shop, {**VALUE, "overlap": 100})
    shop.add(*range(10))
    first = await nights.run(100)
    assert first.batches[-1].mark is not None
    assert (first.batches[-1].mark.holds_too_many, first.batches[-1].mark.held) == (True, None)
    assert len((await nights.run(200)).taken) == 10, "the overlap comes again, and whole"


@pytest.mark.parametrize("of_a_blob", [1, 4, 25_000])
@pytest.mark.parametrize("order", ORDERS)
async def test_what_falls_behind_the_overlap_is_forgotten_while_the_source_is_read(
    order: str, of_a_blob: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "OF_A_BLOB", of_a_blob)
    shop = Shop(size=5, order=ORDERS[order])
    nights = Nights(shop, {**VALUE, "overlap": 9})
    shop.add(*range(200))
    first = await nights.run(300, chunk_size=2, max_messages=5)
    mark = first.batches[-1].mark
    assert mark is not None
    assert mark.held is not None
    held = len(nights.blobs["watermarks/orders/held/1"].data) // 16
    assert (
        10
        <= held
        <= {"unsorted": 200, "descending": 10}.get(order, 10 + max(5, of_a_blob if of_a_blob < 1_000 else 200))
    )
    second = await nights.run(400)
    assert (second.taken, second.batches[-1].known) == ([], 10)


@pytest.mark.parametrize("cut_at", range(1, 6))
async def test_a_page_that_is_cut_off_and_asked_again_counts_once(cut_at: int) -> None:
    cut = list[int]()

    def instead(query: dict[str, str]) -> httpx.Response | None:
        if len(shop.asked) == cut_at and not cut:
            cut.append(cut_at)
            return answered({}, 503)
        return None

    shop = Shop(size=2, instead=instead)
    nights = Nights(shop, {**VALUE, "lag": 10, "overlap": 5})
    shop.add(1, 2, 95, 3, 4, 5)
    first = await nights.run(100)
    assert (len(first.taken), first.batches[-1].outside) == (5, 1)


class Killed(BaseException):
    """The end of the process: nothing may catch it."""


@pytest.mark.parametrize("carried", [{**VALUE, "overlap": 20}, CLOCK], ids=["value", "clock"])
async def test_a_fetch_that_is_killed_at_any_step_holds_what_a_whole_one_holds(
    carried: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "OF_A_BLOB", 3)
    left = [0]

    async def step(operation: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed(operation)

    for point in range(1, 200):
        left[0] = 0
        shop = Shop(size=2)
        nights = Nights(shop, carried)
        shop.add(*range(12))
        await nights.run(100)
        shop.add(*range(100, 110))
        left[0] = point
        second = await nights.run(200, step=step, killed_by=(Killed,), chunk_size=2, max_messages=4)
        assert [change for change, _ in ids(second)] == [*range(12, 22)], f"killed at step {point}"
        third = await nights.run(300)
        assert (third.taken, third.batches[-1].known > 0) == ([], "key" in carried), f"killed at step {point}"
        if left[0] > 0:
            assert point > 20
            return
    raise AssertionError("the steps never ended")


drawn = settings(
    max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@drawn
@given(
    st.sampled_from(sorted(ORDERS)),
    st.sampled_from(["lag", "overlap"]),
    st.booleans(),
    st.integers(0, 2**32),
    st.integers(1, 5),
    st.integers(1, 40),
)
def test_each_version_arrives_once_whatever_the_source_does_between_the_nights(
    order: str, late: str, with_clock: bool, seed: int, size: int, most: int
) -> None:
    """Items are added and changed, share times, and some appear two hours late."""
    chance = random.Random(seed)
    shop = Shop(size=size, order=ORDERS[order])
    carried = {**CLOCK, "key": "at"} if with_clock else VALUE
    nights = Nights(shop, {**carried, late: "3h" if late == "overlap" else "2h"})
    taken = Counter[tuple[int, int]]()

    async def pass_nights() -> None:
        for night in range(1, 6):
            for _ in range(chance.randrange(12)):
                at = 24 * HOUR * (night - 1) + 600.0 * chance.randrange(144)
                shop.add(at, late=chance.choice([0.0, 0.0, 2 * HOUR]))
            reading = await nights.run(24 * HOUR * night + chance.randrange(600), chunk_size=3, max_messages=most)
            taken.update(ids(reading))
        for night in (6, 7):
            taken.update(ids(await nights.run(24 * HOUR * night)))

    asyncio.run(pass_nights())
    assert taken == Counter((change.id, change.version) for change in shop.changes)


def known_of(reading: Reading) -> int:
    return reading.batches[-1].known


WINDOWED = {"query": {"since": "{from}", "until": "{to}"}}


@pytest.mark.parametrize("most", [1, 3, 1_000])
@pytest.mark.parametrize("lanes", [1, 3])
async def test_a_range_in_windows_is_read_window_by_window_each_with_its_own_pages(most: int, lanes: int) -> None:
    shop = Shop(size=2)
    nights = Nights(shop, {**VALUE, "window": 10}, {**WINDOWED, "parallel_fetches": lanes})
    shop.add(1, 2, 3, 11, 12, 13, 14, 15, 42, 51)
    first = await nights.run(57, max_messages=most)
    assert [change for change, _ in ids(first)] == [*range(10)]
    begins = [query["since"] for query in shop.asked if "cursor" not in query]
    assert [*dict.fromkeys(begins)] == [text(second) for second in (0, 10, 20, 30, 40, 50)]
    assert {query["until"] for query in shop.asked} == {text(second) for second in (10, 20, 30, 40, 50, 57)}
    assert nights.watermark.value == text(51)
    assert first.batches[-1].source_total is None


@pytest.mark.parametrize("most", [1, 1_000])
async def test_an_item_at_the_end_of_a_window_that_both_windows_give_comes_once(most: int) -> None:
    shop = Shop(size=2, includes_until=True)
    nights = Nights(shop, {**VALUE, "window": 10}, WINDOWED)
    shop.add(1, 10, 10, 10, 12, 20, 30)
    first = await nights.run(40, max_messages=most)
    assert [change for change, _ in ids(first)] == [*range(7)]
    assert known_of(first) == 5


async def test_a_page_fetched_ahead_in_one_window_is_not_a_page_of_the_next() -> None:
    """The API returns the total of all windows, so the run requests pages after the end of the first window."""
    shop = Shop()

    def answer(query: dict[str, str]) -> httpx.Response:
        found, start = shop.shown(query), 2 * (int(query["page"]) - 1)
        return answered({"items": [change.item for change in found[start : start + 2]], "total": 40})

    shop.instead = answer
    numbered = {"style": "page_number", "limit": 2, "send_limit": "size", "end": {"empty": True}}
    table = {**WINDOWED, "total": "total", "pagination": numbered, "parallel_fetches": 4}
    nights = Nights(shop, {**VALUE, "window": 10}, table)
    shop.add(1, 2, *range(10, 18), *range(20, 27))
    assert [change for change, _ in ids(await nights.run(30))] == [*range(17)]


async def test_what_is_counted_of_a_page_that_is_forgotten_is_forgotten_with_it() -> None:
    shop = Shop()
    shop.add(*range(10))
    nights = Nights(shop, {**VALUE, "lag": 95, "overlap": 2})
    source = nights.source()
    reads = Reads(since=text(0), until=text(5), watermark=1)
    known, of_page = Known(), [change.item for change in shop.changes]
    known.add_digests(digest(line_of(of_page[1], sort_keys=True)))
    assert source.incremental is not None
    counted = Marks(source.incremental, reads, Position(cursor=None), known, {})
    writer = BatchWriter(cast(ContainerClient, FakeContainer()), RUN, 0)
    filling = Filling(source, writer, 5, 10_000, marks=counted)
    for _ in range(3):
        await filling.add(of_page)
        await filling.restart()
    await filling.add(of_page[:3])
    assert filling.end() == (2, 0)
    spool = Spool(cast(ContainerClient, FakeContainer()), RUN)
    position, parts = await counted.carried(Position(cursor=None), spool, 0)
    assert (position.known, position.outside, position.high, len(parts["held"])) == (1, 0, text(2), 3 * DIGEST_BYTES)


@drawn
@given(
    st.lists(st.integers(0, 60), max_size=25),
    st.integers(3, 20),
    st.integers(0, 30),
    st.integers(1, 30),
    st.booleans(),
    st.sampled_from(sorted(ORDERS)),
    st.integers(1, 9),
)
def test_whatever_the_windows_each_item_of_the_range_comes_once(
    moments: list[int], window: int, since: int, length: int, includes_until: bool, order: str, most: int
) -> None:
    shop = Shop(size=2, order=ORDERS[order], includes_until=includes_until)
    nights = Nights(shop, {**VALUE, "window": window}, WINDOWED)
    shop.add(*moments)
    past = nights.run(100, since=text(since), until=text(since + length), max_messages=most)
    expected = {change.id for change in shop.changes if since <= change.at < since + length}
    assert Counter(change for change, _ in ids(asyncio.run(past))) == Counter(expected)
    whole = asyncio.run(nights.run(100, max_messages=most))
    assert Counter(change for change, _ in ids(whole)) == Counter(change.id for change in shop.changes)
    assert asyncio.run(nights.run(100)).taken == []


async def test_a_source_that_ignores_the_end_of_a_window_is_refused_before_it_fills_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(marks, "MOST_BEYOND", 3)
    shop = Shop(size=2)
    nights = Nights(shop, {**VALUE, "window": 10}, {"query": {"since": "{from}", "till": "{to}"}})
    shop.add(*range(20))
    with pytest.raises(SourceRefused, match=r"seems to ignore \{to\}"):
        await nights.run(40)


async def test_the_windows_of_a_run_stay_those_of_its_start() -> None:
    shop = Shop(size=2)
    nights = Nights(shop, {**VALUE, "window": 10}, WINDOWED)
    shop.add(1, 11, 21)

    async def changed(_: str) -> None:
        if len(shop.asked) > 1:
            nights.incremental["window"] = 20
            nights.reading.source = nights.source(nights.reading.reads)

    with pytest.raises(SourceRefused, match=r"incremental\.window has changed"):
        await nights.run(40, max_messages=1, step=changed)


async def test_the_exact_total_is_that_of_each_window_and_the_least_items_are_those_of_all() -> None:
    end = {"style": "cursor", "read": "next", "send": "cursor", "end": {"exact_total": True, "one_page": True}}
    table = {**WINDOWED, "total": "total", "pagination": end, "min_items": 3}
    shop = Shop(size=2)
    nights = Nights(shop, {**VALUE, "window": 10}, table)
    shop.add(1, 11, 21)
    assert len((await nights.run(30)).taken) == 3
    with pytest.raises(SourceRefused, match="after 1 items, and min_items is 3"):
        await nights.run(100)


TOKEN = {"carry": "token", "read": "delta"}


class Delta:
    """Returns the changes since a token; the last page has the next token."""

    def __init__(self, token: Any = "t{}", **table: Any) -> None:
        self.asked: list[httpx.URL] = []
        self.token, self.items, self.given = token, list[int](), 0
        self.is_expired = False
        pagination = {"style": "cursor", "read": "next", "send": "page", "end": {"one_page": True}}
        self.nights = Nights(
            Shop(), {}, {"incremental": TOKEN, "query": {"sync": "{from}"}, "pagination": pagination, **table}
        )
        self.nights.shop.answer = self.answer  # type: ignore[method-assign]

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url)
        if self.is_expired:
            return answered({"error": "gone"}, 410)
        if "page" not in request.url.params:
            return answered({"items": [{"id": number} for number in self.items[:-1]], "next": "2"})
        items = [{"id": number} for number in self.items[-1:]]
        self.given += 1
        token = self.token.format(self.given) if isinstance(self.token, str) else self.token
        return answered({"items": items, **({} if token is None else {"delta": token})})

    async def run(self, *items: int) -> Reading:
        self.items = list(items)
        return await self.nights.run(100)


async def test_a_token_of_the_last_page_is_where_the_next_run_begins() -> None:
    delta = Delta()
    assert [message["id"] for message in (await delta.run(1, 2, 3)).taken] == [1, 2, 3]
    assert "sync" not in delta.asked[0].params
    await delta.run(4, 5)
    assert [url.params.get("sync") for url in delta.asked[2:]] == ["t1", "t1"]
    assert delta.nights.watermark.value == "t2"


@pytest.mark.parametrize("token", [None, "", {"a": 1}, True])
async def test_a_last_page_without_a_token_is_refused_and_says_where_it_was_looked_for(token: Any) -> None:
    with pytest.raises(SourceRefused, match=r"at delta \(incremental.read\).*the watermark was not moved"):
        await Delta(token).run(1, 2)


LINKED = {
    "pagination": {"style": "next_url", "read": "link", "start": "{from}", "end": {"one_page": True}},
    "query": {},
}


@pytest.mark.parametrize(
    ("token", "said"),
    [("https://evil.example/x", "leads to https://evil.example:443"), ("file:///etc/passwd", "not an HTTP address")],
)
async def test_a_delta_link_to_another_host_is_refused(token: str, said: str) -> None:
    delta = Delta(token, **LINKED)
    page = {"items": [{"id": 1}], "delta": token}
    delta.nights.shop.answer = lambda _: answered(page)  # type: ignore[method-assign,assignment]
    with pytest.raises(SourceRefused, match=said):
        await delta.run(1)


async def test_a_delta_link_is_asked_as_it_is_and_one_that_was_set_to_another_host_is_not_asked() -> None:
    delta = Delta("", **LINKED)
    answers = [{"items": [{"id": 1}], "delta": "/orders?delta=7"}, {"items": [{"id": 2}], "delta": "/orders?delta=8"}]

    def answer(request: httpx.Request) -> httpx.Response:
        delta.asked.append(request.url)
        return answered(answers.pop(0))

    delta.nights.shop.answer = answer  # type: ignore[method-assign]
    await delta.run(1)
    assert delta.nights.watermark.value == "https://shop.example/orders?delta=7"
    await delta.run(2)
    assert str(delta.asked[1]) == "https://shop.example/orders?delta=7"
    delta.nights.watermark = type(delta.nights.watermark)(serial=9, value="https://evil.example/", kind="token")
    with pytest.raises(SourceRefused, match=r"token of the run before leads to https://evil.example:443"):
        await delta.run(3)
    assert len(delta.asked) == 2


@pytest.mark.parametrize(
    ("token", "said", "table"),
    [("s3cret/t0ken", "s3cret/t0ken", {}), ("/orders?delta=s3cret%2Ft0ken-of-7", "s3cret/t0ken-of-7", LINKED)],
)
async def test_a_source_that_says_the_token_again_in_an_error_does_not_show_it(
    token: str, said: str, table: dict[str, Any]
) -> None:
    delta = Delta(token, **table)
    page = {"items": [{"id": 1}], "delta": token}
    delta.nights.shop.answer = lambda _: answered(page)  # type: ignore[method-assign,assignment]
    await delta.run(1)
    error = answered({"error": f"bad token {said}"}, 400)
    delta.nights.shop.answer = lambda _: error  # type: ignore[method-assign,assignment]
    with pytest.raises(SourceRefused, match=r"bad token \*\*\*"):
        await delta.run(2)


async def test_the_error_about_an_expired_token_says_what_to_do() -> None:
    delta = Delta()
    await delta.run(1, 2)
    delta.is_expired = True
    with pytest.raises(SourceRefused, match=r"token of the run before has expired .*DELETE the watermark"):
        await delta.run(3, 4)


@pytest.mark.parametrize("token", ["x" * 20, "x" * 5_000])
async def test_a_token_travels_by_reference_since_the_status_of_an_instance_shows_its_state(token: str) -> None:
    delta = Delta(token, unique=True)
    first = await delta.run(1, 2)
    assert len(first.batches) == 2, "one that counts the doubles, with the token in its cursor"
    assert token not in json.dumps(to_wire(first.batches[0])) + json.dumps(to_wire(first.batches[1]))
    assert delta.nights.watermark.value == token
