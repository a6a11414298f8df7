"""A source whose items are unique: every repeated message of the run is counted, at any distance."""

import asyncio
import hashlib
import random
from typing import Any

import pytest

from ingestion.fetching import doubles, fetch
from ingestion.fetching.doubles import TOO_MANY, doubles_in, sorted_digests
from ingestion.fetching.known import DIGEST_BYTES
from tests.sources.fake_api import FakeApi, Pages
from tests.sources.reader import read, refusal

NUMBERED = {"style": "page_number", "end": {"empty": True}}
UNIQUE = {"unique": True, "pagination": NUMBERED}


def paged(*pages: list[int], **document: Any) -> FakeApi:
    return FakeApi(*({"items": [{"id": number} for number in page], **document} for page in (*pages, [])))


def repeating(seed: int) -> list[list[int]]:
    """Pages that repeat some items of earlier pages; no two pages are equal."""
    chance, number = random.Random(seed), 0
    pages = list[list[int]]()
    for _ in range(chance.randrange(3, 12)):
        before = [one for page in pages for one in page]
        old = chance.sample(before, min(len(before), chance.randrange(4)))
        pages.append([*old, *range(number, number := number + chance.randrange(1, 9))])
    return pages


@pytest.mark.parametrize("of_a_blob", [1, 7, 25_000])
@pytest.mark.parametrize("seed", range(8))
def test_each_message_that_came_before_is_counted_exactly_however_far_back(
    seed: int, of_a_blob: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "OF_A_BLOB", of_a_blob)
    pages = repeating(seed)
    messages, run = read(paged(*pages), UNIQUE, chunk_size=3, max_messages=random.Random(seed).choice([1, 6, 1_000]))
    assert messages == [one for page in pages for one in page], "each message is unchanged"
    assert run.batches[-1].doubles == len(messages) - len(set(messages))
    assert [batch.doubles for batch in run.batches[:-1]] == [None] * (len(run.batches) - 1)
    assert run.batches[-1].ended == "a page without items"


def test_without_unique_nothing_is_counted_and_no_fetch_comes_after_the_last() -> None:
    _, run = read(paged([1], [1, 2]), {"pagination": NUMBERED})
    assert [batch.doubles for batch in run.batches] == [None]
    assert not [name for name in run.container.blobs if "digests" in name]


def test_items_without_a_value_are_rejects_and_no_doubles_of_each_other() -> None:
    api = FakeApi({"items": [{"id": None}, {"id": 1}, {"id": None}]}, {"items": []})
    messages, run = read(api, UNIQUE)
    assert (messages, run.batches[-1].doubles) == ([None, 1, None], 0)


@pytest.mark.parametrize(("most", "found"), [(50, 0), (49, TOO_MANY)])
def test_above_the_most_that_are_counted_the_run_says_so_and_keeps_no_digests(
    most: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MOST", most)
    monkeypatch.setattr(fetch, "OF_A_BLOB", 10)
    _, run = read(Pages(50), UNIQUE, max_messages=10)
    assert run.batches[-1].doubles == found
    assert len([name for name in run.container.blobs if "-digests-" in name]) == (5 if found == 0 else 4)


@pytest.mark.parametrize("then", [{"then": "restart"}, {"then": "resume", "key": "id", "send": "since_id"}])
def test_what_a_restart_or_a_resumption_skips_is_no_double(then: dict[str, Any]) -> None:
    dead = list[int]()

    def instead(request: Any, start: int) -> int | None:
        if start != 30 or "cursor" not in request.query or dead:
            return None
        dead.append(start)
        return 410

    messages, run = read(Pages(60, instead=instead), {"unique": True, "expiry": then}, max_messages=10)
    assert (messages, run.batches[-1].doubles) == ([*range(1, 61)], 0)


def test_what_is_dropped_is_not_given() -> None:
    """Of 9 items one comes twice, one is missing: they do not cancel out, and the fetch goes on before the end."""
    pages, total = [[1, 2, 3], [3, 4, 5], [7, 8, 9]], {"total": "total"}
    end = {"total": True, "empty": True, "exact_total": True}
    table = {**total, "repeats": "drop", "pagination": {**NUMBERED, "end": end}}
    refusal(paged(*pages, total=9), table, "after 8 items, but says that it has 9")
    messages, run = read(paged(*pages, [10], total=9), table)
    assert messages == [1, 2, 3, 4, 5, 7, 8, 9, 10], "the source has not ended before all that it has came"
    assert run.batches[-1].dropped == 1


def test_a_repeated_message_does_not_replace_a_lost_one_with_an_exact_total() -> None:
    """Three pages of 3 and a total of 9; the second page repeats an item of the first, so another one is missing."""
    exact = {**UNIQUE, "total": "total", "pagination": {**NUMBERED, "end": {"empty": True, "exact_total": True}}}
    api = paged([1, 2, 3], [2, 5, 6], [7, 8, 9], total=9)
    _, run = refusal(api, exact, r"^1 of the messages came before .* the total \(9\) must be exact")
    assert run.taken == [1, 2, 3, 2, 5, 6, 7, 8, 9], "the report has it at the end"
    assert read(paged([1, 2, 3], [4, 5, 6], total=6), exact)[1].batches[-1].doubles == 0


@pytest.mark.parametrize("count", [0, 1, 5_000])
@pytest.mark.parametrize("at_once", [100, 500_000])
async def test_the_merge_reads_each_digest_once_and_holds_no_more_than_it_may(
    count: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubles, "AT_ONCE", at_once)
    chance, most = random.Random(count), 0
    marks = [hashlib.blake2b(b"%d" % chance.randrange(4_000), digest_size=16).digest() for _ in range(count)]
    blobs = {str(n): sorted_digests(b"".join(marks[n * 700 : n * 700 + 700])) for n in range(-(-count // 700))}
    compare, read_bytes = doubles._doubles, 0

    async def read(name: str, first: int, length: int) -> bytes:
        nonlocal read_bytes
        await asyncio.sleep(0)
        read_bytes += length
        return blobs[name][first : first + length]

    def compared(digests: bytes) -> int:
        nonlocal most
        most = max(most, len(digests) // DIGEST_BYTES)
        return compare(digests)

    monkeypatch.setattr(doubles, "_doubles", compared)
    assert await doubles_in([*blobs], read) == count - len(set(marks))
    assert read_bytes == sum(map(len, blobs.values()))
    assert most <= max(2 * at_once, 40)
