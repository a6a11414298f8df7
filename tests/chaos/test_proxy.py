"""The proxy applies each fault to its request, and does not change other requests."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from local.chaos.ambush import Ambush, Strike, Victim
from local.chaos.fault import Fault, Misfortune
from local.chaos.proxy import Answer, Proxy, Repeat

REQUEST = b"POST /q/messages?sig=x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter, list[tuple[str, bytes]], Proxy], Awaitable[None]]


def always(fault: Fault) -> Misfortune:
    return Misfortune("seed", {fault: 1.0})


def through_proxy(client: Client) -> list[tuple[str, bytes]]:
    """Run `client` on a connection to a proxy; return the paths and bodies that reached the service."""
    reached: list[tuple[str, bytes]] = []

    async def serve(request: web.Request) -> web.Response:
        reached.append((request.raw_path, await request.read()))
        return web.Response(status=201, body=b"done", headers={"x-ms-version": "1"})

    async def play() -> None:
        app = web.Application()
        app.router.add_post("/q/messages", serve)
        async with TestServer(app) as service, Proxy(service.port or 0) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            await asyncio.wait_for(client(reader, writer, reached, proxy), 10)
            writer.close()

    asyncio.run(play())
    return reached


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read the whole answer to `REQUEST`."""
    return await reader.readuntil(b"\r\n\r\n"), await reader.readexactly(4)


@pytest.mark.parametrize(
    ("fault", "begins", "ends", "reached"),
    [
        (Fault.BUSY, b"HTTP/1.1 503", b"\r\n\r\n", 0),
        (Fault.THROTTLED, b"HTTP/1.1 429", b"\r\n\r\n", 0),
        (Fault.EXPIRED, b"HTTP/1.1 401", b"\r\n\r\n", 0),
        (Fault.REFUSED, b"HTTP/1.1 413", b"\r\n\r\n", 0),
        (Fault.SLOW, b"HTTP/1.1 201", b"done", 1),
        (Fault.CUT, b"", b"", 0),
        (Fault.LOST, b"", b"", 1),
        (Fault.FAILED, b"HTTP/1.1 500", b"\r\n\r\n", 1),
        (Fault.BEHEADED, b"HTTP/1.1 201", b"", 1),
        (Fault.TORN, b"HTTP/1.1 201", b"\r\n\r\ndo", 1),
    ],
)
def test_a_fault_spoils_the_request_that_it_meets(fault: Fault, begins: bytes, ends: bytes, reached: int) -> None:
    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, at_service: list[tuple[str, bytes]], proxy: Proxy
    ) -> None:
        proxy.misfortune = always(fault)
        writer.write(REQUEST.replace(b"Host", b"Connection: close\r\nHost"))
        said = await reader.read()
        assert (said.startswith(begins), said.endswith(ends), bool(said)) == (True, True, bool(begins))
        assert fault is not Fault.BEHEADED or b"\r\n\r\n" not in said
        assert proxy.misfortune.met == {fault: 1}
        assert len(at_service) == reached

    through_proxy(client)


def test_requests_without_a_fault_pass_on_one_connection() -> None:
    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, at_service: list[tuple[str, bytes]], proxy: Proxy
    ) -> None:
        for _ in range(3):
            writer.write(REQUEST)
            head, body = await answer(reader)
            assert head.startswith(b"HTTP/1.1 201 Created\r\n")
            assert (b"x-ms-version: 1\r\n" in head, body) == (True, b"done")

    assert through_proxy(client) == [("/q/messages?sig=x", b"hi")] * 3


@pytest.mark.parametrize(("answered", "reached"), [(False, 1), (True, 2)])
def test_a_strike_happens_before_or_after_the_execution_of_its_request(answered: bool, reached: int) -> None:
    struck: list[Victim] = []

    async def client(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, at_service: list[tuple[str, bytes]], proxy: Proxy
    ) -> None:
        def strike(victim: Victim) -> None:
            struck.append(victim)
            proxy.shut()

        proxy.watch = Ambush([Strike(at_request=2, answered=answered, victim=Victim.STORAGE)], strike)
        writer.write(REQUEST)
        await answer(reader)
        writer.write(REQUEST)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)

    assert len(through_proxy(client)) == reached
    assert struck == [Victim.STORAGE]


def test_a_repeated_page_starts_with_the_last_item_of_the_page_before() -> None:
    repeat = Repeat()
    first = Answer(200, "OK", {}, b'{"items": [1, 2], "next_cursor": "x"}')
    second = Answer(200, "OK", {}, b'{"items": [3], "next_cursor": null}')
    assert repeat(first, True) is first, "there is no page before the first"
    changed = repeat(second, True)
    assert changed.body == b'{"items": [2, 3], "next_cursor": null}'
    assert changed.headers == {"Content-Length": str(len(changed.body))}
