"""Who sends is let in: tokens and signatures are renewed in time, and once more when the queue says no."""

import asyncio
from contextlib import closing
from urllib.parse import parse_qs

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from ingestion.errors import InvalidInput, StorageRefused
from ingestion.sending.connection import Pool
from ingestion.sending.put_message import Effort, put_message
from ingestion.sending.shard import Shard
from ingestion.storage.access import RENEW_AHEAD_SECONDS, SAS_LIFE, SCOPE, Access, bearer_access, signed_access
from ingestion.storage.account import Account, read_account
from tests.app.scripted_server import CREATED, Script, ScriptedServer, scripted

REFUSED = b"HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 X\r\nContent-Length: 49\r\n\r\n<Error><Code>AuthorizationFailure</Code></Error> "


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class FakeCredential:
    """Gives `token-1`, `token-2`, ..., each good for an hour of the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.given = clock, 0

    async def get_token(self, *scopes: str) -> AccessToken:
        assert scopes == (SCOPE,)
        self.given += 1
        return AccessToken(f"token-{self.given}", int(self.clock.now) + 3_600)


def put(script: Script, access: Access, times: int = 1) -> ScriptedServer:
    async def scenario() -> ScriptedServer:
        async with scripted(script) as server:
            url = f"http://127.0.0.1:{server.port}/account/q"
            with closing(Pool.for_url(url)) as pool:
                shard = Shard("q", url, access, pool, ttl_seconds=60)
                for _ in range(times):
                    await put_message(shard, b"body", Effort(), deadline=float("inf"))
            return server

    return asyncio.run(scenario())


def test_a_token_goes_with_every_message_and_is_asked_for_once() -> None:
    credential = FakeCredential(Clock())
    server = put(lambda number, request: [CREATED], bearer_access(credential, credential.clock), times=3)
    assert credential.given == 1
    assert all(b"\r\nAuthorization: Bearer token-1\r\n" in request for request in server.requests)


def test_a_token_is_renewed_before_it_runs_out() -> None:
    credential = FakeCredential(Clock())

    def later(number: int, request: bytes) -> list[bytes]:
        credential.clock.now += 3_600 - RENEW_AHEAD_SECONDS
        return [CREATED]

    server = put(later, bearer_access(credential, credential.clock), times=2)
    assert b"Bearer token-2" in server.requests[1]


def test_a_token_that_the_queue_refuses_is_renewed_at_once() -> None:
    credential = FakeCredential(Clock())
    server = put(
        lambda number, request: [CREATED if b"token-2" in request else REFUSED],
        bearer_access(credential, credential.clock),
        times=2,
    )
    assert [b"token-2" in request for request in server.requests] == [False, True, True]


def test_a_queue_that_refuses_a_new_token_as_well_is_a_missing_role() -> None:
    credential = FakeCredential(Clock())
    with pytest.raises(StorageRefused, match=r"403 \(AuthorizationFailure\).*Storage Queue Data Message Sender"):
        put(lambda number, request: [FORBIDDEN], bearer_access(credential, credential.clock))
    assert credential.given == 2


def test_an_identity_that_gets_no_token_is_a_permanent_failure() -> None:
    class NoIdentity:
        async def get_token(self, *scopes: str) -> AccessToken:
            raise ClientAuthenticationError("no identity is assigned to this app")

    with pytest.raises(StorageRefused, match="no identity is assigned"):
        put(lambda number, request: [CREATED], bearer_access(NoIdentity()))


def test_a_signature_lets_in_to_add_and_nothing_else_and_is_renewed_before_its_end() -> None:
    clock = Clock()
    access = signed_access("account", "a2V5", clock)

    async def scenario() -> tuple[str, str]:
        first = await access.grant()
        clock.now += SAS_LIFE.total_seconds() - RENEW_AHEAD_SECONDS - 1
        assert access.current() is first
        clock.now += 1
        return first.query, (await access.grant()).query

    first, second = asyncio.run(scenario())
    assert parse_qs(first)["sp"] == ["a"]
    assert parse_qs(first)["srt"] == ["o"]
    assert parse_qs(first)["se"] < parse_qs(second)["se"]


def test_an_account_is_named_by_a_connection_string_or_by_an_identity() -> None:
    named = read_account("ORDERS", {"ORDERS__accountName": "shop", "ORDERS__clientId": "c"})
    assert named == Account(
        setting="ORDERS",
        blob_uri="https://shop.blob.core.windows.net",
        queue_uri="https://shop.queue.core.windows.net",
        client_id="c",
    )
    assert read_account("A", {"A__queueServiceUri": "https://q"}).queue_uri == "https://q"
    assert read_account("A", {"A": "UseDevelopmentStorage=true"}).connection_string
    with pytest.raises(InvalidInput, match=r"ORDERS: missing; allowed: .*ORDERS__accountName"):
        read_account("ORDERS", {})
