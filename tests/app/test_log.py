"""What the app's records hold, for whoever hands on only their text and for whoever takes their fields as well."""

import json
import logging

import httpx
import pytest

from activities.log import log


def test_a_record_has_its_facts_in_the_text_and_as_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log("chunk_enqueued", "a chunk is on the queue", run_id="orders-ä", chunk=3)
    [record] = caplog.records
    message, facts = record.getMessage().split(" {", 1)
    assert message == "a chunk is on the queue"
    assert json.loads("{" + facts) == {"action": "chunk_enqueued", "run_id": "orders-ä", "chunk": 3}
    assert {"action": "chunk_enqueued", "run_id": "orders-ä", "chunk": 3}.items() <= vars(record).items()


async def test_the_address_of_a_request_which_may_hold_a_key_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda request: httpx.Response(200))) as client:
        await client.get("https://api.example.com/items?api_key=secret")
    assert "secret" not in caplog.text
