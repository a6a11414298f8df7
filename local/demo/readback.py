"""Reads the whole queue as a consumer would, and compares it with what the API serves.

The last stop of the way of an id. Enters: the queue's connection string and name, the API's URL. Leaves: a
`Comparison`. It uses the official client only, and deletes nothing: each message is hidden for longer than the reading
takes, so that it is read once and is still there for whoever looks afterwards.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
from azure.storage.queue import QueueClient, QueueMessage, TextBase64DecodePolicy

RECEIVERS = 4
MESSAGES_AT_ONCE = 32  # the most that the service gives
HIDDEN_SECONDS = 6 * 3600

Told = Callable[[int], None]  # called with the number of messages that have come in so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the queue holds, against what the API served."""

    served: int
    enqueued: int
    unique: int
    lost: int
    duplicates: int
    foreign: int


def read_back(connection_string: str, queue: str, api_url: str, *, told: Told = lambda arrived: None) -> Comparison:
    """Compare every message on the queue with every id of the API, as multisets."""
    served, arrived, enqueued = Counter(catalogue(api_url)), Counter[str](), 0
    for page in pages(connection_string, queue):
        arrived.update(message.content for message in page)
        enqueued += len(page)
        told(enqueued)
    surplus = arrived - served
    foreign = sum(count for name, count in surplus.items() if name not in served)
    return Comparison(
        served=served.total(),
        enqueued=enqueued,
        unique=len(arrived),
        lost=(served - arrived).total(),
        duplicates=surplus.total() - foreign,
        foreign=foreign,
    )


def catalogue(api_url: str) -> list[str]:
    """Return every id that the API has."""
    return httpx.get(f"{api_url}/catalogue", timeout=60).raise_for_status().text.split()


def pages(connection_string: str, queue: str) -> Iterator[list[QueueMessage]]:
    """Yield all messages in the queue, as several receivers bring them, up to 32 at a time."""
    client = QueueClient.from_connection_string(
        connection_string, queue, message_decode_policy=TextBase64DecodePolicy()
    )

    def receive(_: int) -> list[QueueMessage]:
        answer = client.receive_messages(
            messages_per_page=MESSAGES_AT_ONCE, visibility_timeout=HIDDEN_SECONDS
        ).by_page()
        return list(next(answer, ()))

    with client, ThreadPoolExecutor(RECEIVERS) as receivers:
        # a handful of receives at a time, so that pages wait for the comparison rather than pile up in memory
        while any(brought := list(receivers.map(receive, range(2 * RECEIVERS)))):
            yield from filter(None, brought)
