"""The hand-written HTTP client: it reads every form of answer, and knows whether a request was sent."""

import ssl
from collections import Counter
from contextlib import closing
from types import SimpleNamespace

import pytest

from ingestion.open_storage import Storage
from ingestion.sending import connection
from ingestion.sending.connection import Answer, AnswerLost, NotSent, Pool
from ingestion.settings import load_settings
from tests.app.scripted_server import CREATED, Script, ScriptedServer, scripted

REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"


async def ask(script: Script, times: int = 1, seconds: float = 5.0) -> tuple[list[Answer], ScriptedServer]:
    async with scripted(script) as server:
        with closing(Pool("127.0.0.1", server.port, tls=False)) as pool:
            return [await pool.exchange(REQUEST, seconds) for _ in range(times)], server


@pytest.mark.parametrize(
    "pieces",
    [
        [CREATED],
        [CREATED[index : index + 1] for index in range(len(CREATED))],
        [b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\no\r\n", b"1;x=y\r\nk\r\n0\r\n", b"\r\n"],
        [b"HTTP/1.1 201 Created\r\ntransfer-encoding:chunked\r\n\r\n2\r\nok\r\n0\r\nTrailer: x\r\n\r\n"],
        [b"HTTP/1.1 201 Created\r\nCONTENT-LENGTH:  2 \r\nX-Ms-Version: 1\r\n\r\no", b"k"],
    ],
    ids=["whole", "byte by byte", "chunks", "chunks with a trailer", "odd headers"],
)
async def test_an_answer_is_understood_in_every_form_and_the_connection_kept(pieces: list[bytes]) -> None:
    answers, server = await ask(lambda number, request: pieces, times=3)
    assert [answer.status for answer in answers] == [201] * 3
    assert server.connections == 1
    assert server.requests == [REQUEST] * 3


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.1 201 Created\r\n\r\nthe body ends with the connection", b""],
        [b"HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\ncut", b""],
        [CREATED + b"more than was asked for"],
    ],
    ids=["close", "no length", "cut body", "surplus"],
)
async def test_a_status_that_came_counts_and_the_connection_is_not_used_again(pieces: list[bytes]) -> None:
    answers, server = await ask(lambda number, request: pieces, times=2)
    assert [answer.status for answer in answers] == [201] * 2
    assert server.connections == 2


@pytest.mark.parametrize(
    "pieces",
    [None, [b""], [b"HTTP/1.1 201 Created\r\nContent-", b""], [b"SSH-2.0\r\n\r\n"], [b"x" * 70_000]],
    ids=["closed", "empty", "cut head", "not HTTP", "endless head"],
)
async def test_without_a_whole_status_line_the_message_may_be_on_the_queue(pieces: list[bytes] | None) -> None:
    with pytest.raises(AnswerLost):
        await ask(lambda number, request: pieces)


async def test_a_missing_answer_is_waited_for_up_to_the_timeout() -> None:
    with pytest.raises(AnswerLost, match=r"no answer within 0\.05 s"):
        await ask(lambda number, request: [], seconds=0.05)


async def test_where_nobody_listens_nothing_was_sent() -> None:
    async with scripted(lambda number, request: None) as server:
        port = server.port
    with pytest.raises(NotSent):
        await Pool("127.0.0.1", port, tls=False).exchange(REQUEST, 5.0)


async def test_a_header_is_found_whatever_its_case() -> None:
    (answer,), _ = await ask(
        lambda number, request: [b"HTTP/1.1 503 X\r\nretry-AFTER: 7 \r\nContent-Length: 0\r\n\r\n"]
    )
    assert (answer.header("Retry-After"), answer.header("Other")) == ("7", "")


@pytest.mark.parametrize(("other_accounts", "expected"), [(0, 1), (1, 2)])
async def test_all_queues_of_an_account_share_one_tls_context_and_one_pool(
    other_accounts: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Counter[str]()

    def context() -> ssl.SSLContext:
        made["contexts"] += 1
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def make_pool(pool: Pool, host: str, port: int, *, tls: bool) -> None:
        made["pools"] += 1
        init(pool, host, port, tls=tls)

    init = Pool.__init__
    monkeypatch.setattr(Pool, "__init__", make_pool)
    monkeypatch.setattr(connection, "ssl", SimpleNamespace(create_default_context=context))
    account = "DefaultEndpointsProtocol=https;AccountKey=a2V5;EndpointSuffix=core.windows.net;AccountName="
    queues = [f"queue-{number}" for number in range(64)] + [f"OTHER/queue-{number}" for number in range(other_accounts)]
    settings = load_settings({
        "AzureWebJobsStorage": f"{account}one",
        "OTHER": f"{account}other",
        "SLUICE_QUEUES": ",".join(queues),
    })  # fmt: skip

    storage = Storage(settings)
    assert len(storage.queues.shards(settings)) == 64 + other_accounts
    for other in (f"queue-{number}" for number in range(64)):  # of sources that have a queue of their own
        storage.queues.shards(settings.model_copy(update={"shards": ((settings.account, f"own-{other}"),)}))
    await storage.close()
    assert made == Counter(contexts=expected, pools=expected)
