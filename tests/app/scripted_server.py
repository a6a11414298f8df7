"""A server that answers each request with the bytes of a script, and records the requests."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

from ingestion.sending.connection import Pool
from ingestion.sending.put_message import Effort, put_message
from ingestion.sending.shard import Shard
from ingestion.storage.access import Access

Script = Callable[[int, bytes], list[bytes] | None]  # number and request to the pieces of an answer; None ends it all
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"


class ScriptedServer:
    """The whole requests, and the number of their connections."""

    def __init__(self, script: Script) -> None:
        self.requests: list[bytes] = []
        self.connections = self.port = 0
        self._script = script

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"Content-Length: (\d+)", head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                self.requests.append(head + body)
                pieces = self._script(len(self.requests) - 1, head + body)
                for piece in pieces or []:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if pieces is None or b"" in pieces:  # an empty piece ends the connection
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[ScriptedServer]:
    server = ScriptedServer(script)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


async def put(script: Script, access: Access, times: int = 1) -> tuple[Effort, ScriptedServer]:
    """Put a message `times` times on a queue that answers by a script; return the results and the queue."""
    effort = Effort()
    async with scripted(script) as server:
        url = f"http://127.0.0.1:{server.port}/account/q"
        with closing(Pool.for_url(url)) as pool:
            shard = Shard("q", url, access, pool, ttl_seconds=60)
            for _ in range(times):
                await put_message(shard, b"body", effort, deadline=float("inf"))
    return effort, server
