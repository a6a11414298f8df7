"""How many messages lie in a queue, and in the poison queue where its consumers' host puts what they have given up."""

import asyncio
from typing import NamedTuple

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue.aio import QueueClient

POISON = "-poison"  # behind the name of a queue
LOOK_SECONDS = 10.0  # the longest look at a queue


class Depth(NamedTuple):
    """Approximate counts of a queue; None where a count cannot be had: with a right to send and nothing else, say."""

    name: str
    depth: int | None
    poison_depth: int | None  # 0 if there is no such queue: nothing was given up


async def depth_of(name: str, queue: QueueClient, poison: QueueClient) -> Depth:
    """Return how long a queue is, with its poison queue."""
    return Depth(name, await _count(queue, missing=None), await _count(poison, missing=0))


async def _count(queue: QueueClient, missing: int | None) -> int | None:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            count = (await queue.get_queue_properties()).approximate_message_count
    except ResourceNotFoundError:
        return missing
    except (AzureError, TimeoutError):
        return None
    return None if count is None else int(count)
