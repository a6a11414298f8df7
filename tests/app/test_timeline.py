"""The timeline of a run: a reader continues where the last one stopped, gets few points, and disturbs nobody."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.concealed import add_secrets
from ingestion.contracts import Run
from ingestion.run import timeline
from ingestion.run.timeline import MOST_EVENTS, MOST_POINTS, Point, Timeline, Timelines, as_json, event, take, thinned
from tests.app.engine import START, STARTED_AT
from tests.app.kept import Kept

BEGAN = datetime.fromisoformat(STARTED_AT)
RUN = Run("run", START)


def line(seconds: float, enqueued: int = 0) -> Any:
    counts = {"fetched": enqueued, "enqueued": enqueued, "rejected": 0, "failed": 0}
    return timeline.window(counts, (BEGAN + timedelta(seconds=seconds)).isoformat())


def points(*seconds: float) -> list[Point]:
    read = Timeline()
    take(read, map(line, seconds), BEGAN)
    return read.points


@given(st.lists(st.floats(0, 1e6, width=32), min_size=2, max_size=3_000), st.integers(3, 50))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_thinning_keeps_the_first_and_the_last_point_and_the_order(seconds: list[float], most: int) -> None:
    before = [Point("", at, 0, 0, 0, 0) for at in sorted(seconds)]
    after = thinned(before, most)
    assert len(after) <= most
    assert (after[0], after[-1]) == (before[0], before[-1])
    assert [one.seconds for one in after] == sorted(one.seconds for one in after)


def test_points_that_are_thinned_lie_evenly_over_the_time() -> None:
    close, far = [number / 1_000 for number in range(1_000)], [float(number) for number in range(1, 1_001)]
    after = thinned(points(*close, *far), 102)
    gaps = [later.seconds - earlier.seconds for earlier, later in pairwise(after)]
    assert max(gaps) < 21, "1,000 seconds in 100 points, twice as far apart at most"


def test_fifty_thousand_windows_give_400_points_and_100_events() -> None:
    read = Timeline()
    take(read, (line(number, number) for number in range(50_000)), BEGAN)
    take(read, (event("waiting", str(number)) for number in range(5_000)), BEGAN)
    answer = as_json(read)
    assert len(answer["points"]) <= MOST_POINTS
    assert len(read.points) <= timeline.KEPT_POINTS, "in memory"
    assert (answer["points"][0]["enqueued"], answer["points"][-1]["enqueued"]) == (0, 49_999)
    assert [one["text"] for one in answer["events"]] == [str(number) for number in range(4_900, 5_000)]
    assert len(answer["events"]) == MOST_EVENTS


async def test_each_reader_asks_once_and_only_for_what_is_new(kept: Kept) -> None:
    reads = Timelines()
    assert (await reads.read(kept.container, RUN, STARTED_AT)).points == [], "no blob"
    await timeline.begin(kept.container, RUN, event("started", "the run begins"))
    for number in range(3):
        await timeline.append(kept.container, RUN, line(number, number))
        kept.connection.requests = 0
        read = await reads.read(kept.container, RUN, STARTED_AT)
        assert [one.enqueued for one in read.points] == list(range(number + 1))
        position = read.next_byte
        assert (await reads.read(kept.container, RUN, STARTED_AT)).next_byte == position
        assert kept.connection.requests == 2
    assert [one["event"] for one in read.events] == ["started"]
    batch = {"event": "batch", "pages": 3, "refused": 2, "page_size": 100}
    ended = event("source_ended", "the last page said so")
    await timeline.append(kept.container, RUN, {**line(9), **batch}, {**line(10), **batch, "page_size": 0}, ended)
    read = await reads.read(kept.container, RUN, STARTED_AT)
    assert (read.refused, read.page_size, read.ended) == (4, 100, "the last page said so")
    await timeline.begin(kept.container, RUN, event("redriven", "again"))
    assert [one["event"] for one in (await Timelines().read(kept.container, RUN, STARTED_AT)).events] == [
        "started",
        "source_ended",
        "redriven",
    ]


async def test_a_full_timeline_grows_no_more_and_says_so(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MOST_APPENDS", 3)
    await timeline.begin(kept.container, RUN, event("started", ""))
    await timeline.append(kept.container, RUN, line(1))
    assert not as_json(await Timelines().read(kept.container, RUN, STARTED_AT))["full"]
    await timeline.append(kept.container, RUN, line(2))
    assert as_json(await Timelines().read(kept.container, RUN, STARTED_AT))["full"]


async def test_an_append_that_storage_refuses_disturbs_nothing() -> None:
    class Full:
        def get_blob_client(self, name: str) -> Any:
            return self

        async def append_block(self, data: bytes) -> None:
            raise HttpResponseError("BlockCountExceedsLimit")

        async def create_append_blob(self, **condition: Any) -> None:
            raise HttpResponseError("away")

    container: Any = Full()
    await timeline.append(container, RUN, line(1))
    await timeline.begin(container, RUN, line(1))


async def test_a_reason_with_half_a_character_is_reported(kept: Kept) -> None:
    await timeline.begin(kept.container, RUN, event("failed", "the source said \ud800"))
    [failed] = as_json(await Timelines().read(kept.container, RUN, STARTED_AT))["events"]
    assert failed["text"] == "the source said \ud800"


async def test_a_late_copy_of_a_deleted_run_leaves_no_timeline(kept: Kept) -> None:
    await timeline.append(kept.container, RUN, line(1))
    assert [name async for name in kept.container.list_blob_names()] == []


def test_an_event_is_short_and_shows_no_secret() -> None:
    add_secrets("open-sesame")
    text = event("waiting", f"HTTP 429 open-sesame {'x ' * 1_000}")["text"]
    assert "open-sesame" not in text
    assert len(text) <= timeline.TEXT_CHARACTERS


def test_points_of_clocks_that_are_behind_are_thinned_as_well() -> None:
    before = [Point("", at, 0, 0, 0, 0) for at in (100.0, *range(5_000, 0, -1), 101.0)]
    before = [one._replace(seconds=one.seconds - 6_000) if 0 < at < 5_001 else one for at, one in enumerate(before)]
    assert len(thinned(before)) <= MOST_POINTS


async def test_a_line_that_cannot_be_read_hides_no_other(kept: Kept) -> None:
    await timeline.begin(kept.container, RUN, event("started", "a"))
    await kept.container.get_blob_client(f"{RUN.folder}timeline.ndjson").append_block(b'{"at": "2026-\n\xff\n')
    await timeline.append(kept.container, RUN, event("paused", "b"))
    read = await Timelines().read(kept.container, RUN, STARTED_AT)
    assert [one["text"] for one in read.events] == ["a", "b"]
