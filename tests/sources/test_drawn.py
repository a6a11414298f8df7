"""For any source and description, the spool has exactly the source's messages, or the run says why not.

The test draws 2,000 sources, half of them with a mistake in their description; `make drawn` draws 50,000. It does not
draw mistakes that no answer can reveal: `style = "none"` for a source with pages, a wrong first page, one window over
everything, a first page of one item, and signals with another meaning.
"""

import asyncio
import os
from collections import Counter
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ingestion.errors import InvalidInput, SourceRefused, SourceUnreachable
from tests.sources.drawn.description import ENDS, LINES, OTHERS, described, places_in, with_style, with_wrong_letter
from tests.sources.drawn.server import HOST, World
from tests.sources.fake_api import source_at
from tests.sources.reader import Reading

SOURCES = int(os.environ.get("DRAWN", "2000"))
drawn = settings(
    max_examples=SOURCES // 2, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    style = draw(st.sampled_from(sorted(ENDS)))
    end = draw(st.sampled_from(ENDS[style]))
    counted = style in ("page_number", "since", "keyset", "range_header")
    fewest = 0 if style in ("cursor", "next_url", "link_header") else 1
    sizes = st.lists(st.integers(fewest, 7), min_size=1, max_size=1 if counted else 3)
    grows = () if style in NO_GROWTH else tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    return World(
        style=style,
        end=end,
        total=draw(st.integers(0, 40)),
        sizes=tuple(draw(sizes.filter(lambda each: max(each) > 1 and each[0] != 1))),
        ties=draw(st.integers(1, 4)) if style == "since" else 1,
        grows=grows,
        gaps=draw(st.integers(0, 3)) if style == "window" else 0,
        format=draw(st.sampled_from(["json", "ndjson", "csv"])) if style in LINES and end in OUTSIDE else "json",
    )


NO_GROWTH = ("window", "page_number")  # the run does not read a last page by number again that fills up later
OUTSIDE = ("absent", "empty page", "404", "last again", "pages in a header", "total in a header")


def read(world: World, table: dict[str, Any], **facts: Any) -> tuple[list[Any] | None, str]:
    """Return the messages of a completed run, else None with the reason."""

    async def run() -> tuple[list[Any] | None, str]:
        try:
            source = source_at(HOST, **table)
        except (ValidationError, InvalidInput) as error:
            return None, str(error)
        async with httpx.AsyncClient(transport=httpx.MockTransport(world.answer)) as http:
            reading = Reading(source, http, **facts)
            try:
                messages = await reading.all()
            except (SourceRefused, SourceUnreachable) as error:
                return None, str(error)
            said = reading.batches[-1].source_total
            given = len(messages) + sum(batch.dropped for batch in reading.batches)
            return (messages, "") if said in (None, given) else (None, f"another total, {said}")

    return asyncio.run(run())


def is_exact(world: World, messages: list[Any]) -> bool:
    return Counter(messages) == Counter(world.ids)


facts = st.fixed_dictionaries({"chunk_size": st.integers(1, 9), "max_messages": st.integers(1, 40)})


@drawn
@given(worlds(), facts, st.integers(1, 3))
def test_a_source_that_is_rightly_described_arrives_exactly(world: World, facts: dict[str, int], lanes: int) -> None:
    messages, why = read(world, {**described(world), "parallel_fetches": lanes}, **facts)
    if messages is None:
        assert may_be_refused(world), f"{why}\n{world}"
    else:
        assert is_exact(world, messages), world


@drawn
@given(worlds(), facts, st.data())
def test_a_mistake_in_a_description_never_ends_as_completed_with_less_or_more(
    world: World, facts: dict[str, int], data: st.DataObject
) -> None:
    table = described(world)
    if data.draw(st.booleans(), label="a wrong letter"):
        place = data.draw(st.sampled_from(places_in(table)), label="place")
        table = with_wrong_letter(table, place)
    else:
        table = with_style(table, data.draw(st.sampled_from(sorted(OTHERS.keys() - {world.style})), label="style"))
    messages, why = read(world, table, **facts)
    if messages:  # a run without an item has a warning in its report
        assert is_exact(world, messages), (table, world)
    else:
        assert why or messages == [], (table, world)


def may_be_refused(world: World) -> bool:
    """Return whether even the right description may fail: one page without the key, or too many items of one time.

    It looks like too many if all items of a source have the time at which the reading begins.
    """
    only_page = world.asked == 1 and world.end in ("absent", "known", "416")
    return only_page or (world.style == "since" and (world.ties * 3 > world.size or world.total <= world.ties))
