"""The app's log records have the same facts in their text and in their fields."""

import json
import logging
import traceback
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from activities.activity import activity
from activities.log import log
from clients.answer import answer_to
from ingestion.concealed import add_secrets
from ingestion.contracts import FailedChunks, Run, SettledChunks
from ingestion.errors import InvalidInput, StorageRefused, StorageUnavailable
from ingestion.open_storage import close_storage
from ingestion.wire import to_wire


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


def test_a_record_shows_no_secret_and_keeps_the_names_by_which_it_is_found(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    add_secrets("s3cr/t", "orders")
    log("chunk_failed", "messages failed", run_id="orders", source="orders", reason='no: "s3cr\\/t"', chunk=3)
    assert json.loads("{" + caplog.records[0].getMessage().split(" {", 1)[1]) == {
        "action": "chunk_failed", "run_id": "orders", "source": "orders", "reason": 'no: "***"', "chunk": 3,
    }  # fmt: skip
    assert "s3cr" not in str(vars(caplog.records[0]))


def test_an_answer_shows_no_secret() -> None:
    add_secrets("s3cr/t")
    error = InvalidInput("source", "no source at http://x/s3cr%2ft", "another than s3cr/t")
    for shown in (answer_to(error), answer_to(StorageUnavailable("no s3cr/t"))):
        assert "***" in shown.get_body().decode()
        assert "s3cr" not in shown.get_body().decode()


@pytest.mark.parametrize("kind", [StorageRefused, StorageUnavailable, InvalidInput, KeyError])
async def test_neither_the_outcome_nor_the_error_of_an_activity_shows_the_key_of_the_account(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key = b64encode(b"the key of an account").decode()
    monkeypatch.setenv("AzureWebJobsStorage", f"AccountName=shop;AccountKey={key};EndpointSuffix=core.windows.net")

    @activity(FailedChunks, SettledChunks, doing="record run {0.run.id}")
    async def work(*_: Any) -> SettledChunks:
        raise InvalidInput("field", key) if kind is InvalidInput else kind(f"it said {quote(key, safe='')}")

    request = to_wire(FailedChunks(run=Run("run", "20260101T000000-aa"), attempt=0, chunks=(), error=""))
    try:
        shown = str(await work(request))
    except Exception as error:
        shown = "".join(traceback.format_exception(error))
    finally:
        await close_storage()
    assert "***" in shown
    assert not any(key[4:12] in text for text in (shown, caplog.text))
