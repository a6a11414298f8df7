"""Numbers keep every digit, and the run can still calculate with those that it needs."""

import json
from typing import Any

import pytest
from aiohttp import web

from ingestion.contracts import Chunk
from ingestion.source.reading.json_text import json_value
from ingestion.source.styles.since import fingerprint
from ingestion.storage.spool import chunk_name
from tests.sources.fake_api import NONE, FakeApi
from tests.sources.reader import RUN, Reading, read, refusal

NUMBERS = [
    "0.123456789012345678", "10.10", "1E400", "-1e-999", "1e5", "1.0E+2", "-0", "-0.0", "0.1", "5", "1.5",
    "123456789012345678901234567890", "18446744073709551616", "-9223372036854775809", "100000000000000000000.5",
]  # fmt: skip


def spooled(run: Reading) -> list[bytes]:
    """Return the messages of a run as in the spool."""
    chunks = [
        Chunk(number, batch.token)
        for batch in run.batches
        for number in range(batch.first_chunk, batch.first_chunk + batch.chunks)
    ]
    return [line for chunk in chunks for line in run.container.blobs[chunk_name(RUN, chunk)].data.splitlines()]


@pytest.mark.parametrize("pad", [0, 1_200_000])
@pytest.mark.parametrize("form", ["json", "ndjson"])
@pytest.mark.parametrize("message", ["", "n", "inner"])
def test_the_spool_has_every_digit_of_the_source(form: str, pad: int, message: str) -> None:
    records = [f'{{"n":{number},"inner":[{{"x":{number}}},"{number}"],"name":"-0"}}' for number in NUMBERS]
    body = ("\n".join(records) + "\n" * pad) if form == "ndjson" else f'{{"items": [{", ".join(records)}{" " * pad}]}}'

    def answer(request: web.Request) -> Any:
        return web.Response(body=body.encode())

    _, run = read(FakeApi(answer), {"format": form, "pagination": NONE, "message": message})
    expected = {
        "": records,
        "n": NUMBERS,
        "inner": [f'[{{"x":{number}}},"{number}"]' for number in NUMBERS],
    }[message]
    assert [line.decode() for line in spooled(run)] == expected


def page(*items: str, **beside: Any) -> Any:
    """Return a page of items in JSON."""
    text = json.dumps({"items": [], **beside}).replace("[]", f"[{', '.join(items)}]")
    return lambda request: web.Response(body=text.encode())


def test_keys_totals_and_waits_are_computed_with_however_they_are_written() -> None:
    since = {"style": "since", "form": "number", "key": "at", "overlap": 0.5}
    api = FakeApi(page('{"at": 1.10}', '{"at": 2.0e0}'), page('{"at": 2.0e0}', '{"at": 3.10}'), page('{"at": 3.10}'))
    assert read(api, {"pagination": since, "message": "at"})[0] == [1.1, 2.0, 3.1]
    assert [request.query["since"] for request in api.asked] == ["0", "1.5", "2.6"]

    keyset = {"style": "keyset", "key": "id", "order": "ascending"}
    api = FakeApi(page('{"id": 1.10}', '{"id": 1.20}'), page())
    assert read(api, {"pagination": keyset})[0] == [1.1, 1.2]
    assert api.asked[1].query["after"] == "1.2"
    refusal(FakeApi(page('{"id": 1.20}', '{"id": 1.10}')), {"pagination": keyset}, "says that keys are ascending")

    cursor = {"style": "cursor", "read": "item:sort", "send": "after", "end": {"empty": True}}
    api = FakeApi(page('{"id": 1, "sort": [1.10, {"a": 2.50}]}'), page())
    read(api, {"pagination": cursor, "message": ""})
    assert api.asked[1].query["after"] == '[1.1,{"a":2.5}]'

    numbered = {"pagination": {"style": "page_number", "end": {"total": True}}, "total": "total"}

    def with_total(request: web.Request) -> Any:
        return web.Response(body=b'{"items": [{"id": 1}], "total": 1.0E0}')

    _, run = read(FakeApi(with_total), numbered)
    assert run.batches[-1].source_total == 1
    throttle = {"cost": {"requested": "cost.q", "available": "cost.a", "restored_per_second": "cost.r"}}

    def costly(request: web.Request) -> Any:
        return web.Response(body=b'{"items": [], "cost": {"q": 10.10, "a": 0.10, "r": 1.0e1}, "next": null}')

    _, run = read(FakeApi(page('{"id": 1}', next=1), costly), {"throttle": throttle})
    assert run.taken == [1]


def test_a_number_that_is_too_large_to_calculate_with_is_named() -> None:
    def answer(request: web.Request) -> Any:
        return web.Response(body=b'{"items": [{"id": 1}], "total": 1e999}')

    refusal(FakeApi(answer), {"pagination": NONE, "total": "total"}, "too large for a float")
    refusal(FakeApi(page('{"id": 1e400}')), {"pagination": {"style": "keyset", "key": "id"}}, "too large for a float")


def test_two_items_of_since_that_differ_only_in_digits_are_two() -> None:
    items = [json_value(text) for text in (b'{"x": 1.10}', b'{"x": 1.1}', b'{"x": "1.10"}')]
    assert len({fingerprint(item) for item in items}) == 3
