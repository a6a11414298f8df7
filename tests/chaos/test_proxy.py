"""The proxy does to a request what its fault says, and to the others nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from local.chaos.ambush import Ambush, Strike, Victim
from local.chaos.fault import Fault, Misfortune
from local.chaos.gate import Gate
from local.chaos.proxy import Proxy
from local.chaos.repeat import Repeat
from local.chaos.wire import Message, read_request

REQUEST = b"POST /q/messages?sig=x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\ndone"

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter, list[bytes], Proxy], Awaitable[None]]


def always(fault: Fault) -> Misfortune:
    return Misfortune("seed", {fault: 1.0})


def through_proxy(client: Client, *, gate: Gate | None = None) -> list[bytes]:
    """Run `client` on a connection to a proxy; gives the bodies that reached the service."""
    reached: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await read_request(reader)) is not None:
                reached.append(request.body)
                writer.write(CREATED)
        finally:
            writer.transport.abort()

    async def play() -> None:
        service = await asyncio.start_server(serve, "127.0.0.1", 0)
        proxy = Proxy(gate or Gate(), upstream=service.sockets[0].getsockname()[1])
        await proxy.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        await asyncio.wait_for(client(reader, writer, reached, proxy), 10)
        writer.close()
        await proxy.stop()
        service.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    asyncio.run(play())
    return reached


@pytest.mark.parametrize(
    ("fault", "answered", "reached"),
    [
        (Fault.BUSY, b"HTTP/1.1 503", 0),
        (Fault.THROTTLED, b"HTTP/1.1 429", 0),
        (Fault.EXPIRED, b"HTTP/1.1 401", 0),
        (Fault.REFUSED, b"HTTP/1.1 413", 0),
        (Fault.SLOW, CREATED, 1),
        (Fault.CUT, b"", 0),
        (Fault.LOST, b"", 1),
        (Fault.FAILED, b"HTTP/1.1 500", 1),
        (Fault.BEHEADED, CREATED[:20], 1),
        (Fault.TORN, CREATED[:-2], 1),
    ],
)
def test_a_fault_spoils_the_request_that_it_meets(fault: Fault, answered: bytes, reached: int) -> None:
    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, at_service: list[bytes], proxy: Proxy
    ) -> None:
        proxy.misfortune = always(fault)
        writer.write(REQUEST)
        writer.write_eof()
        assert (await reader.read()).startswith(answered)
        assert proxy.misfortune.met == {fault: 1}
        assert len(at_service) == reached

    through_proxy(client)


def test_requests_without_a_fault_pass_unchanged_on_one_connection() -> None:
    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, at_service: list[bytes], proxy: Proxy
    ) -> None:
        for _ in range(3):
            writer.write(REQUEST)
            assert await reader.readexactly(len(CREATED)) == CREATED

    assert through_proxy(client) == [b"hi"] * 3


@pytest.mark.parametrize(("answered", "reached"), [(False, 1), (True, 2)])
def test_a_strike_comes_at_its_request_on_its_side_of_the_doing(answered: bool, reached: int) -> None:
    gate, struck = Gate(), []

    def strike(victim: Victim) -> None:
        struck.append(victim)
        gate.close()

    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, at_service: list[bytes], proxy: Proxy
    ) -> None:
        proxy.watch = Ambush([Strike(at_request=2, answered=answered, victim=Victim.STORAGE)], strike)
        writer.write(REQUEST)
        assert await reader.readexactly(len(CREATED)) == CREATED
        writer.write(REQUEST)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)

    assert len(through_proxy(client, gate=gate)) == reached
    assert struck == [Victim.STORAGE]


def test_a_repeated_page_starts_with_the_last_item_of_the_page_before() -> None:
    repeat = Repeat()
    first = Message(b"HTTP/1.1 200 OK\r\n\r\n", b'{"items": [1, 2], "next_cursor": "x"}')
    second = Message(b"HTTP/1.1 200 OK\r\n\r\n", b'{"items": [3], "next_cursor": null}')
    assert repeat(first, True) is first, "there is no page before the first"
    changed = repeat(second, True)
    assert changed.body == b'{"items": [2, 3], "next_cursor": null}'
    assert b"Content-Length: %d\r\n" % len(changed.body) in changed.head
