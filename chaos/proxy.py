"""A proxy in front of one service, through which everything passes that the app says to it.

Enters: the app's requests. Leaves: the service's answers as they came, unless a request meets a fault. While the gate
is closed nothing passes: connections end without an answer, as those to a process that has just died do.
"""

import asyncio
from collections.abc import Callable

from chaos.ambush import Ambush
from chaos.fault import FAIR, Fault, Misfortune
from chaos.gate import Gate
from chaos.wire import Message, answer, read_answer, read_request

BUSY = answer("503 Server Busy", "x-ms-error-code: ServerBusy")
THROTTLED = answer("429 Too Many Requests", "Retry-After: 1")
BUFFER_BYTES = 1 << 20

Spoil = Callable[[Message, bool], Message]  # an answer, and whether it is to be changed


class Proxy:
    """Listens on a free port of 127.0.0.1; `upstream` may be set later, `misfortune` and `ambush` for each round."""

    def __init__(self, gate: Gate, *, upstream: int = 0, repeat: Spoil | None = None) -> None:
        self.port = 0
        self.upstream = upstream
        self.misfortune: Misfortune = FAIR
        self.ambush: Ambush | None = None
        self._gate = gate
        self._repeat = repeat
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen until `stop`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=BUFFER_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Take no more connections; those that are open end with the gate."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        service: asyncio.StreamWriter | None = None
        self._gate.enter(client)
        try:
            if self._gate.is_open:
                answers, service = await asyncio.open_connection("127.0.0.1", self.upstream, limit=BUFFER_BYTES)
                while (request := await read_request(reader)) is not None:
                    if not await self._pass(request, answers, service, client):
                        break
        except (OSError, EOFError):
            pass  # one of the two sides has gone: so does the other
        finally:
            self._gate.leave(client)
            client.close()  # and not abort: what was written before a cut is to arrive
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
        misfortune, ambush = self.misfortune, self.ambush
        fault = misfortune.draw(request)
        if fault in (Fault.BUSY, Fault.THROTTLED, Fault.CUT):
            misfortune.met[fault] += 1
            if fault is not Fault.CUT:
                client.write(BUSY if fault is Fault.BUSY else THROTTLED)
            return fault is not Fault.CUT
        number = ambush.arrives() if ambush else 0
        if not self._gate.is_open:
            return False
        service.write(request.whole)
        given = await read_answer(answers, request.method)
        if ambush:
            ambush.answered(number)
        if not self._gate.is_open:
            return False
        if self._repeat:
            changed = self._repeat(given, fault is Fault.REPEATED)
            misfortune.met[Fault.REPEATED] += changed is not given
            given = changed
        if fault in (Fault.LOST, Fault.TORN):
            misfortune.met[fault] += 1
            client.write(given.whole[: len(given.head) + len(given.body) // 2] if fault is Fault.TORN else b"")
            return False
        client.write(given.whole)
        await client.drain()
        return True
