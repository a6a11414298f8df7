"""`python -m local.demo.script API CONNECTION`: a minimal script without error handling; see docs/alternatives.md.

It reads the demo API page by page and puts each id on a queue with Microsoft's client, 32 at a time.
"""

import asyncio
import sys
from collections.abc import AsyncIterator

import httpx
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient

QUEUE, AT_ONCE = "script", 32


async def ids(api: str) -> AsyncIterator[str]:
    cursor: str | None = ""
    async with httpx.AsyncClient(base_url=api, timeout=30) as http:
        while cursor is not None:
            answer = await http.get("/ids", params={"cursor": cursor})
            page = answer.raise_for_status().json()
            for item in page["items"]:
                yield item["id"]
            cursor = page["next_cursor"]


async def main(api: str, connection: str) -> None:
    encode, free = TextBase64EncodePolicy(), asyncio.Semaphore(AT_ONCE)

    async def send(text: str) -> None:
        try:
            await queue.send_message(text, time_to_live=-1)
        finally:
            free.release()

    async with QueueClient.from_connection_string(connection, QUEUE, message_encode_policy=encode) as queue:
        await queue.create_queue()
        async with asyncio.TaskGroup() as sending:
            async for text in ids(api):
                await free.acquire()
                sending.create_task(send(text))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
