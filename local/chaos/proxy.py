"""A proxy in front of one service, through which everything passes that the app says to it.

Enters: the app's requests. Leaves: the service's answers as they came, unless a request meets a fault. While the gate
is closed nothing passes: connections end without an answer, as those to a process that has just died do.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from local.chaos.fault import FAIR, Fault, Misfortune
from local.chaos.gate import Gate
from local.chaos.wire import Message, answer, read_answer, read_request

INSTEAD = {  # of asking the service
    Fault.BUSY: answer("503 Server Busy", "x-ms-error-code: ServerBusy"),
    Fault.THROTTLED: answer("429 Too Many Requests", "Retry-After: 1"),
    Fault.EXPIRED: answer("401 Unauthorized", "x-ms-error-code: InvalidAuthenticationInfo"),
    Fault.REFUSED: answer("413 Request Body Too Large", "x-ms-error-code: RequestBodyTooLarge"),
    Fault.CUT: b"",
}
FAILED = answer("500 Internal Server Error", "x-ms-error-code: InternalError")
SHORTENED: dict[Fault, Callable[[Message], int]] = {  # answers, to so many bytes
    Fault.LOST: lambda given: 0,
    Fault.BEHEADED: lambda given: len(given.head) // 2,
    Fault.TORN: lambda given: len(given.head) + len(given.body) // 2,
}
SLOW_SECONDS = 0.3
BUFFER_BYTES = 1 << 20

Spoil = Callable[[Message, bool], Message]  # an answer, and whether it is to be changed


class Watch(Protocol):
    """Is told of each request that is not kept from the service, before and after the service has seen it."""

    def arrives(self) -> int:
        """Gives the number under which the same request is told of again."""

    def answered(self, number: int) -> None: ...


class Proxy:
    """Listens on a free port of 127.0.0.1; `upstream` may be set later, `misfortune` and `watch` for each round."""

    def __init__(self, gate: Gate, *, upstream: int = 0, repeat: Spoil | None = None) -> None:
        self.port = 0
        self.upstream = upstream
        self.misfortune: Misfortune = FAIR
        self.watch: Watch | None = None
        self._gate = gate
        self._repeat = repeat
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen until `stop`; a second time on the same port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=BUFFER_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Take no more connections; those that are open end with the gate."""
        if self._server is None:
            return
        for listener in self._server.sockets:
            asyncio.get_running_loop().remove_reader(listener)
        await asyncio.sleep(0)  # what was accepted a moment ago gets its transport, which a closed server would leak
        self._server.close()

    def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        self._gate.enter(client)
        serving = asyncio.create_task(self._serve(reader, client))
        self._serving.add(serving)
        # And not at the end of the task itself: one that is cancelled before it begins runs none of its lines.
        serving.add_done_callback(lambda _: self._leave(serving, client))

    def _leave(self, serving: asyncio.Task[None], client: asyncio.StreamWriter) -> None:
        self._serving.discard(serving)
        self._gate.leave(client)
        client.close()  # and not abort: what was written before a cut is to arrive

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        service: asyncio.StreamWriter | None = None
        try:
            if self._gate.is_open:
                answers, service = await asyncio.open_connection("127.0.0.1", self.upstream, limit=BUFFER_BYTES)
                while (request := await read_request(reader)) is not None:
                    if not await self._pass(request, answers, service, client):
                        break
        except (OSError, EOFError):
            pass  # one of the two sides has gone: so does the other
        finally:
            if service is not None:
                service.transport.abort()

    async def _pass(
        self,
        request: Message,
        answers: asyncio.StreamReader,
        service: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
    ) -> bool:
        """Let one request and its answer through, or not; False when the connection has to end after it."""
        misfortune, watch = self.misfortune, self.watch
        fault = misfortune.draw(request)
        if fault in INSTEAD:
            misfortune.met[fault] += 1
            client.write(INSTEAD[fault])
            return fault is not Fault.CUT
        number = watch.arrives() if watch else 0
        if not self._gate.is_open:
            return False
        service.write(request.whole)
        given = await read_answer(answers, request.method)
        if watch:
            watch.answered(number)
        if fault is Fault.SLOW:
            misfortune.met[fault] += 1
            await asyncio.sleep(SLOW_SECONDS)
        if not self._gate.is_open:
            return False
        if self._repeat:
            changed = self._repeat(given, fault is Fault.REPEATED)
            misfortune.met[Fault.REPEATED] += changed is not given
            given = changed
        if fault is Fault.FAILED:
            misfortune.met[fault] += 1
            client.write(FAILED)
            return True
        if fault in SHORTENED:
            misfortune.met[fault] += 1
            client.write(given.whole[: SHORTENED[fault](given)])
            return False
        client.write(given.whole)
        await client.drain()
        return True
