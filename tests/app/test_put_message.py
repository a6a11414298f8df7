"""One message, and every answer of the queue: doubtful messages are counted, and the sender waits for the answer."""

from time import monotonic
from typing import cast

import pytest

from ingestion.sending.connection import Answer, AnswerLost
from ingestion.sending.put_message import Effort, put_message
from ingestion.sending.rate import Rate
from ingestion.sending.shard import Shard
from ingestion.storage.access import sas_access
from tests.app.scripted_server import CREATED, put


@pytest.mark.parametrize(
    ("status", "code", "in_doubt"),
    [
        (500, "InternalError", 1),
        (500, "OperationTimedOut", 1),
        (502, "", 1),
        (503, "AccountIsBeingMoved", 1),
        (504, "", 1),
        (408, "", 1),
        (503, "ServerBusy", 0),
        (503, "", 0),
        (429, "", 0),
        (401, "InvalidAuthenticationInfo", 0),
    ],
)
async def test_a_message_may_be_there_twice_after_an_answer_that_does_not_deny_that_it_was_stored(
    status: int, code: str, in_doubt: int
) -> None:
    answer = f"HTTP/1.1 {status} X\r\nx-ms-error-code: {code}\r\nContent-Length: 0\r\n\r\n".encode()
    effort, _ = await put(lambda number, request: [CREATED if number else answer], sas_access("sig=x"))
    assert (effort.retries, effort.possible_duplicates) == (1, in_doubt)


class SlowQueue:
    """Answers after a second, if the client is still connected."""

    def __init__(self) -> None:
        self.rate = Rate()

    async def put(self, body: bytes, seconds: float) -> Answer:
        if seconds < 1.0:
            raise AnswerLost(f"no answer within {seconds:g} s")
        return Answer(201, b"", b"")


async def test_the_answer_to_a_request_that_is_sent_just_before_the_deadline_is_waited_for_beyond_it() -> None:
    effort = Effort()
    await put_message(cast(Shard, SlowQueue()), b"body", effort, deadline=monotonic() + 0.01)
    assert effort.possible_duplicates == 0
