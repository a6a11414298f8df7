"""What a run remembers of its way: requests that were made, messages that it holds, cursors of any length."""

import asyncio
from typing import Any

from aiohttp import web

from ingestion.fetching.known import Known, digest
from ingestion.fetching.position import Position, from_json
from ingestion.fetching.seen import Seen
from ingestion.source.page import PageRequest
from tests.sources.reader import reading


def asked(number: int) -> PageRequest:
    return PageRequest(url="http://a", query={"page": str(number)})


def test_a_request_is_known_by_all_that_it_holds_and_after_it_was_stored() -> None:
    seen = Seen()
    for number in range(1, 6):
        seen.add(asked(number))
    again = Seen(seen.dump())
    assert [again.page_of(asked(number)) for number in (1, 5, 6)] == [1, 5, None]
    for other in (
        PageRequest(url="http://b", query={"page": "1"}),
        PageRequest(url="http://a", query={"page": "1"}, headers={"x": "1"}),
        PageRequest(url="http://a", query={"page": "1"}, body={"x": 1}),
    ):
        assert again.page_of(other) is None


def test_known_messages_are_told_from_all_others() -> None:
    known = Known()
    for number in range(0, 20_000, 2):
        known.add(b"%d\n" % number)
    found = [number for number in range(20_000) if b"%d\n" % number in known]
    assert found == list(range(0, 20_000, 2))


def test_a_digest_that_is_found_across_two_others_is_not_known() -> None:
    known, first, second = Known(), digest(b"a"), digest(b"b")
    known._buckets[digest(b"c")[:2]] = bytearray(first[:5] + digest(b"c")[2:] + second[:9])
    assert b"c" not in known


def test_a_position_survives_its_json_and_that_of_newer_code() -> None:
    position = Position(cursor={"a": [1]}, pages=3, since="x", seen="blob")
    assert from_json({**position.to_json(), "newer": 1}) == position
    assert Position(cursor=None).to_json() == {}


def test_a_cursor_of_many_kilobytes_travels_by_reference() -> None:
    async def long_cursors(request: web.Request) -> web.Response:
        start = len(request.query.get("cursor", "")) // 1500
        following: dict[str, Any] = {"next": "x" * 1500 * (start + 1)} if start < 4 else {}
        return web.json_response({"items": [{"id": f"{start}-{n}"} for n in range(20)], **following})

    async def all_of_it() -> list[Any]:
        app = web.Application(client_max_size=10**6)
        app.router.add_get("/", long_cursors)
        pagination = {"style": "cursor", "read": "next", "send": "cursor"}
        async with reading(app, "/", {"pagination": pagination}) as run:
            messages = await run.all()  # which checks that no payload is above 4 KB
            assert all(batch.next_cursor.blob for batch in run.batches[:-1] if batch.next_cursor)
            return messages

    assert len(set(asyncio.run(all_of_it()))) == 100
