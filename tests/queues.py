"""Queues that a test makes for itself."""

from contextlib import suppress

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient


def create(queue: QueueClient) -> None:
    """Create a queue with a unique name; after a lost answer the client asks again and finds the queue it made."""
    with suppress(ResourceExistsError):
        queue.create_queue()
