"""Clients that put, receive, return and delete at the same time lose no message and get none too often."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.queue import QueueClient, QueueMessage

from local.emulator import Azurite
from tests.queues import create

HOUR_SECONDS = 3600
CLIENTS = 12
LIMIT_SECONDS = 50.0
ROUNDS = 5


@pytest.fixture(scope="module")
def slow_azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """An emulator that handles receives later than they began, and in another order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("local.emulator.server.ENTRY", Path(__file__).with_name("slow_azurite.js"))
        with Azurite(tmp_path_factory.mktemp("azurite"), in_memory=True) as emulator:
            yield emulator


@pytest.fixture
def queues(slow_azurite: Azurite, queue_name: str) -> Iterator[list[QueueClient]]:
    """A queue with many clients."""
    clients = [QueueClient.from_connection_string(slow_azurite.connection_string, queue_name) for _ in range(CLIENTS)]
    create(clients[0])
    yield clients
    for client in clients:
        client.close()


def receive(queue: QueueClient, most: int, hidden_seconds: int) -> list[QueueMessage]:
    return list(next(queue.receive_messages(messages_per_page=most, visibility_timeout=hidden_seconds).by_page(), []))


class Ledger:
    """The operations of all clients; a message's text is its name and the number of its changes."""

    def __init__(self, expected: int) -> None:
        self.expected, self.lock, self.until = expected, Lock(), time.monotonic() + LIMIT_SECONDS
        self.delivered: Counter[str] = Counter()
        self.changes: Counter[str] = Counter()
        self.deleted: Counter[str] = Counter()
        self.stale: list[str] = []

    def take(self, queue: QueueClient, most: int, hidden_seconds: int) -> list[QueueMessage]:
        """Receive; record which messages were deleted or changed before the receive began."""
        with self.lock:
            deleted, changes = set(self.deleted), Counter(self.changes)
        messages = receive(queue, most, hidden_seconds)
        with self.lock:
            for name, version in (message.content.split() for message in messages):
                self.delivered[name] += 1
                if name in deleted or int(version) < changes[name]:
                    self.stale.append(f"{name} {version}")
        return messages

    def consume(self, queue: QueueClient, turn: int) -> None:
        """Receive for a second and for an hour in turn, until all messages are deleted."""
        while self.deleted.total() < self.expected and time.monotonic() < self.until:
            hidden_seconds = (1, HOUR_SECONDS)[turn % 2]
            for message in self.take(queue, 1 + turn % 32, hidden_seconds):
                try:
                    self.settle(queue, message, may_leave=hidden_seconds == 1)
                except HttpResponseError as error:
                    # After its second it belongs to the client that received it next, or is deleted by it.
                    if hidden_seconds == HOUR_SECONDS or error.status_code not in (400, 404):
                        raise
            turn += 1

    def settle(self, queue: QueueClient, message: QueueMessage, *, may_leave: bool) -> None:
        """Let a message reappear, return it with a new text, or delete it."""
        name, version = message.content.split()
        received = message.dequeue_count or 0
        choice = (int(name) + received) % 3
        if choice == 0 and may_leave:
            return
        if choice == 1 and received < 3:
            queue.update_message(message, visibility_timeout=int(name) % 2, content=f"{name} {int(version) + 1}")
            with self.lock:
                self.changes[name] += 1
        else:
            queue.delete_message(message)
            with self.lock:
                self.deleted[name] += 1


def test_each_message_is_delivered_until_it_is_deleted_once(queues: list[QueueClient]) -> None:
    names = [str(number) for number in range(400)]
    ledger = Ledger(len(names))

    def put(number: int, queue: QueueClient) -> None:
        for name in names[number::CLIENTS]:
            queue.send_message(f"{name} 0", visibility_timeout=int(name) % 3 % 2)

    with ThreadPoolExecutor(2 * CLIENTS) as pool:
        work = [pool.submit(put, number, queue) for number, queue in enumerate(queues)]
        work += [pool.submit(ledger.consume, queue, number) for number, queue in enumerate(queues)]
        for future in work:
            future.result()
    assert ledger.stale == []
    assert ledger.deleted == Counter(names)
    assert queues[0].get_queue_properties().approximate_message_count == 0
    assert queues[0].peek_messages(32) == receive(queues[0], 32, HOUR_SECONDS) == []


def test_what_becomes_visible_while_a_receive_waits_comes_with_a_later_one(
    slow_azurite: Azurite, queue_name: str
) -> None:
    """Each client has a queue of its own, where no other hidden message brings back what was passed over."""
    names = [f"{client}-{number}" for client in range(CLIENTS) for number in range(2 * ROUNDS)]
    ledger = Ledger(len(names))

    def put_and_take(client: int) -> None:
        with QueueClient.from_connection_string(slow_azurite.connection_string, f"{queue_name}-{client}") as queue:
            create(queue)
            for number in range(0, 2 * ROUNDS, 2):
                pair = [f"{client}-{number}", f"{client}-{number + 1}"]
                for name in pair:
                    queue.send_message(f"{name} 0", visibility_timeout=1)
                while not ledger.delivered.keys() >= set(pair) and time.monotonic() < ledger.until:
                    ledger.take(queue, 32, HOUR_SECONDS)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(put_and_take, range(CLIENTS)))
    assert ledger.delivered == Counter(names)
