"""Access to the queue: tokens and signatures are renewed in time, and again after a refusal."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from ingestion.errors import InvalidInput, StorageRefused
from ingestion.storage.access import RENEW_AHEAD_SECONDS, SAS_LIFE, SCOPE, bearer_access, signed_access
from ingestion.storage.account import Account, read_account
from tests.app.scripted_server import CREATED, put

REFUSED = b"HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 X\r\nContent-Length: 49\r\n\r\n<Error><Code>AuthorizationFailure</Code></Error> "


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class FakeCredential:
    """Issues `token-1`, `token-2`, ..., each valid for an hour of the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.given = clock, 0

    async def get_token(self, *scopes: str) -> AccessToken:
        assert scopes == (SCOPE,)
        self.given += 1
        return AccessToken(f"token-{self.given}", int(self.clock.now) + 3_600)


def created(clock: Clock, request: bytes) -> bytes:
    return CREATED


def created_and_time_passes(clock: Clock, request: bytes) -> bytes:
    clock.now += 3_600 - RENEW_AHEAD_SECONDS
    return CREATED


def refused_with_the_first_token(clock: Clock, request: bytes) -> bytes:
    return REFUSED if b"token-1" in request else CREATED


@pytest.mark.parametrize(
    ("answer", "times", "tokens"),
    [(created, 3, "111"), (created_and_time_passes, 2, "12"), (refused_with_the_first_token, 2, "122")],
)
async def test_a_token_goes_with_every_message_and_is_renewed_before_it_runs_out_or_when_the_queue_refuses_it(
    answer: Callable[[Clock, bytes], bytes], times: int, tokens: str
) -> None:
    clock = Clock()
    credential = FakeCredential(clock)
    _, server = await put(lambda _, request: [answer(clock, request)], bearer_access(credential, clock), times)
    sent = [re.findall(rb"\r\nAuthorization: Bearer token-(.)\r\n", request) for request in server.requests]
    assert sent == [[token.encode()] for token in tokens]
    assert credential.given == len({*tokens}), "it is asked for once"


async def test_a_queue_that_refuses_a_new_token_as_well_is_a_missing_role() -> None:
    credential = FakeCredential(Clock())
    with pytest.raises(StorageRefused, match=r"403 \(AuthorizationFailure\).*Storage Queue Data Message Sender"):
        await put(lambda number, request: [FORBIDDEN], bearer_access(credential, credential.clock))
    assert credential.given == 2


async def test_an_identity_that_gets_no_token_is_a_permanent_failure() -> None:
    class NoIdentity:
        async def get_token(self, *scopes: str) -> AccessToken:
            raise ClientAuthenticationError("no identity is assigned to this app")

    with pytest.raises(StorageRefused, match="no identity is assigned"):
        await put(lambda number, request: [CREATED], bearer_access(NoIdentity()))


async def test_a_signature_lets_in_to_add_and_nothing_else_and_is_renewed_before_its_end() -> None:
    clock = Clock()
    access = signed_access("account", "a2V5", clock)
    first = await access.grant()
    clock.now += SAS_LIFE.total_seconds() - RENEW_AHEAD_SECONDS - 1
    assert access.current() is first
    clock.now += 1
    before, after = parse_qs(first.query), parse_qs((await access.grant()).query)
    assert (before["sp"], before["srt"]) == (["a"], ["o"])
    assert before["se"] < after["se"]


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
