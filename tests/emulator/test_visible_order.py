"""The queue of the local stack answers as Azurite does, though it looks its messages up in another way."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from local.emulator import Azurite

HOUR_SECONDS = 3600


@pytest.fixture
def queue(azurite: Azurite, queue_name: str) -> Iterator[QueueClient]:
    with QueueClient.from_connection_string(azurite.connection_string, queue_name) as client:
        client.create_queue()
        yield client


def received(queue: QueueClient) -> list[str]:
    pages = queue.receive_messages(messages_per_page=32, visibility_timeout=HOUR_SECONDS).by_page()
    return [message.content for page in pages for message in page]


def test_messages_come_back_in_the_order_in_which_they_were_put(queue: QueueClient) -> None:
    sent = [f"message {n}" for n in range(70)]
    for text in sent:
        queue.send_message(text)
    assert received(queue) == sent
    assert received(queue) == []


def test_messages_put_at_the_same_moment_come_back_once_each(queue: QueueClient) -> None:
    sent = [f"message {n}" for n in range(400)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(queue.send_message, sent))
    assert sorted(received(queue)) == sorted(sent)


def test_a_message_that_is_given_back_comes_again_and_counts_it(queue: QueueClient) -> None:
    queue.send_message("again")
    first = queue.receive_message(visibility_timeout=HOUR_SECONDS)
    assert first is not None
    assert queue.receive_message() is None
    queue.update_message(first, visibility_timeout=0)
    second = queue.receive_message()
    assert second is not None
    assert (second.content, second.dequeue_count) == ("again", 2)


def test_a_hidden_message_is_not_given_before_its_time(queue: QueueClient) -> None:
    queue.send_message("later", visibility_timeout=HOUR_SECONDS)
    queue.send_message("now")
    assert received(queue) == ["now"]


def test_a_hidden_message_is_given_when_its_time_has_come(queue: QueueClient) -> None:
    queue.send_message("soon", visibility_timeout=1)
    assert received(queue) == []
    until = time.monotonic() + 60
    while not (found := received(queue)) and time.monotonic() < until:
        time.sleep(0.05)
    assert found == ["soon"]


def test_a_deleted_message_does_not_come_back(queue: QueueClient) -> None:
    queue.send_message("once")
    message = queue.receive_message(visibility_timeout=HOUR_SECONDS)
    assert message is not None
    queue.delete_message(message)
    with pytest.raises(ResourceNotFoundError):
        queue.update_message(message, visibility_timeout=0)
    assert received(queue) == []


def test_an_expired_message_is_gone(queue: QueueClient) -> None:
    queue.send_message("short-lived", time_to_live=1)
    queue.send_message("long-lived")
    until = time.monotonic() + 60
    while [peeked.content for peeked in queue.peek_messages(2)] != ["long-lived"] and time.monotonic() < until:
        time.sleep(0.05)
    assert received(queue) == ["long-lived"]


def test_a_cleared_queue_is_empty_and_takes_new_messages(queue: QueueClient) -> None:
    queue.send_message("old")
    queue.clear_messages()
    queue.send_message("new")
    assert received(queue) == ["new"]


def test_a_queue_made_anew_knows_nothing_of_the_one_before(queue: QueueClient) -> None:
    queue.send_message("old")
    queue.delete_queue()
    queue.create_queue()
    queue.send_message("new")
    assert received(queue) == ["new"]
