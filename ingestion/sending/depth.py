"""How many messages are on a queue and on its poison queue, to which a Functions host moves messages that fail."""

import asyncio
from typing import NamedTuple

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue.aio import QueueClient

POISON = "-poison"  # added to the name of a queue
LOOK_SECONDS = 10.0  # the longest wait for one count


class Depth(NamedTuple):
    """Approximate counts of a queue; None if the app cannot read a count, for example because it may only send."""

    name: str
    depth: int | None
    poison_depth: int | None  # 0 if there is no poison queue


async def depth_of(name: str, queue: QueueClient, poison: QueueClient) -> Depth:
    """Return the depth of a queue and of its poison queue."""
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
