"""Read the whole queue as a consumer would, and compare it with the API.

Input: the queue's connection string and name, the API's URL. Output: a `Comparison`. The module uses only Microsoft's
client and deletes nothing: each message becomes invisible for longer than the reading takes, so it is read once and
stays on the queue.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
from azure.storage.queue import QueueClient, QueueMessage, TextBase64DecodePolicy

RECEIVERS = 4
MESSAGES_AT_ONCE = 32  # the limit of the service
HIDDEN_SECONDS = 6 * 3600

Progress = Callable[[int], None]  # called with the number of messages read so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How many messages are on the queue, and how they differ from the ids of the API."""

    served: int  # ids that the API has
    enqueued: int  # messages on the queue
    unique: int  # different messages on the queue
    lost: int  # ids that are not on the queue
    duplicates: int  # surplus copies of ids on the queue
    foreign: int  # messages that are no id of the API


def read_back(
    connection_string: str, queue: str, api_url: str, *, progress: Progress = lambda arrived: None
) -> Comparison:
    """Compare every message on the queue with every id of the API, as multisets."""
    served, arrived, enqueued = Counter(catalogue(api_url)), Counter[str](), 0
    for page in pages(connection_string, queue):
        arrived.update(message.content for message in page)
        enqueued += len(page)
        progress(enqueued)
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
    """Return every id of the API."""
    return httpx.get(f"{api_url}/catalogue", timeout=60).raise_for_status().text.split()


def pages(connection_string: str, queue: str) -> Iterator[list[QueueMessage]]:
    """Yield all messages of the queue, up to 32 at a time; several threads receive them."""
    client = QueueClient.from_connection_string(
        connection_string, queue, message_decode_policy=TextBase64DecodePolicy()
    )

    def receive(_: int) -> list[QueueMessage]:
        answer = client.receive_messages(
            messages_per_page=MESSAGES_AT_ONCE, visibility_timeout=HIDDEN_SECONDS
        ).by_page()
        return list(next(answer, ()))

    with client, ThreadPoolExecutor(RECEIVERS) as receivers:
        # a few receives at a time, so that pages do not pile up in memory
        while any(brought := list(receivers.map(receive, range(2 * RECEIVERS)))):
            yield from filter(None, brought)
