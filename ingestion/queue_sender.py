"""Putting messages on the queue: one POST each, many under way at once.

Storage Queue has no batch send, so a million messages are a million of these requests, and this is the hot path:
address, headers and framing are prepared once. Enters: message texts. Leaves: which of them are on the queue.
"""

import asyncio
import base64
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from xml.sax.saxutils import escape

import aiohttp
from yarl import URL

from ingestion.errors import StorageRefused

ATTEMPTS = 8  # per message; some 10 s in all, unless the queue asks for more
FIRST_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 5.0
REQUEST_SECONDS = 30.0
API_VERSION = "2021-12-02"
_HEAD, _TAIL = b"<QueueMessage><MessageText>", b"</MessageText></QueueMessage>"
_HEADERS = {"Content-Type": "application/xml", "x-ms-version": API_VERSION}
_ADVICE = {
    400: "the queue refused the message's form",
    403: "check AzureWebJobsStorage, or give the app the role Storage Queue Data Contributor",
    404: "the queue does not exist; it is made when a run starts and must not be deleted while it goes on",
}


@dataclass(slots=True)
class Sent:
    """What became of the messages of one call: how many are on the queue, and what it took."""

    enqueued: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    error: str | None = None


class QueueSender:
    """Sends messages to one queue over a shared session, `concurrency` requests at a time."""

    def __init__(
        self, session: aiohttp.ClientSession, messages_url: URL, *, encoding: str, ttl_seconds: int, concurrency: int
    ) -> None:
        query = f"{messages_url.raw_query_string}&messagettl={ttl_seconds}"
        self._url = URL(f"{messages_url.with_query(None)}?{query}", encoded=True)
        self._session = session
        self._encode = _encode_base64 if encoding == "base64" else _encode_none
        self._concurrency = concurrency
        self._timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)

    async def send(self, messages: Sequence[str], deadline: float) -> Sent:
        """Put `messages` on the queue; `deadline` (of `time.monotonic`) bounds the retries.

        A message counts as enqueued when the queue has confirmed it. At the first message that cannot be sent the call
        stops, says why in `error`, and counts exactly what was confirmed until then.
        """
        sent = Sent()
        waiting = iter(messages)
        lanes = min(self._concurrency, len(messages))
        await asyncio.gather(*(self._lane(waiting, sent, deadline) for _ in range(lanes)))
        return sent

    async def _lane(self, waiting: Iterator[str], sent: Sent, deadline: float) -> None:
        for text in waiting:
            if sent.error is not None:
                return
            try:
                await self._put(_HEAD + self._encode(text) + _TAIL, sent, deadline)
            except StorageRefused as error:
                sent.error = sent.error or str(error)
                return
            sent.enqueued += 1

    async def _put(self, body: bytes, sent: Sent, deadline: float) -> None:
        problem = ""
        for attempt in range(ATTEMPTS):
            wait = 0.0
            try:
                post = self._session.post(self._url, data=body, headers=_HEADERS, timeout=self._timeout)
                async with post as response:
                    if response.status == 201:
                        await response.read()
                        return
                    problem = await _problem(response)
                    if response.status not in (408, 429) and response.status < 500:
                        raise StorageRefused(problem)
                    wait = _retry_after_seconds(response)
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = f"the queue did not answer ({str(error) or type(error).__name__})"
            wait = max(wait, _backoff_seconds(attempt))
            if monotonic() + wait > deadline:
                break
            sent.retries += 1
            sent.throttled_seconds += wait
            await asyncio.sleep(wait)
        raise StorageRefused(f"{problem}; given up after {attempt + 1} attempts")


def _encode_base64(text: str) -> bytes:
    return base64.b64encode(text.encode())


def _encode_none(text: str) -> bytes:
    return escape(text).encode()


async def _problem(response: aiohttp.ClientResponse) -> str:
    code = re.search(r"<Code>(\w+)</Code>", await response.text(errors="replace"))
    advice = _ADVICE.get(response.status, "the queue is busy or ill" if response.status >= 500 else "")
    return f"the queue answered HTTP {response.status} ({code[1] if code else response.reason}): {advice}"


def _backoff_seconds(attempt: int) -> float:
    bound = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0**attempt)
    return random.uniform(bound / 2, bound)


def _retry_after_seconds(response: aiohttp.ClientResponse) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else 0.0
