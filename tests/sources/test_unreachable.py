"""Why a source does not answer: the run waits for an outage, and fails at once if it can never work.

The real HTTP client makes the errors: from this machine's resolver, a port without a listener, a server with an
unsigned certificate.
"""

import asyncio
import datetime
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer, unused_port
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingestion.errors import SourceRefused, SourceUnreachable
from ingestion.source.client import SourceClient
from ingestion.source.http.exchange import http_client
from ingestion.source.page import Page, Throttled
from tests.sources.fake_api import AUTH, OAUTH, FakeApi, ask, said, source_at
from tests.sources.reader import refusal


async def ask_at(url: str, *, answered_before: bool = False, **description: Any) -> tuple[Page | Throttled, str, int]:
    """Return the outcome of a fetch, the reason for the status, and the number of pauses."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with http_client(trust_env=False) as http:
        source = source_at(url, **description)
        client = SourceClient(source, http, sleep)
        client.has_answered = answered_before
        outcome = await client.get(source.base_request())
        wait = client.patience.wait(outcome.seconds if isinstance(outcome, Throttled) else 0.0)
        return outcome, wait.reason if wait else "", len(pauses)


def resolver_says(code: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make the operating system's resolver fail with `code`; return the names that it got."""
    asked: list[str] = []

    def getaddrinfo(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        raise socket.gaierror(code, "as the resolver words it")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate for localhost that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    unencrypted = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted)
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_a_name_that_this_machines_own_resolver_does_not_find_is_named_as_the_cause() -> None:
    try:
        shown = asyncio.run(ask_at("https://nobody.invalid/ids"))[1]
    except SourceUnreachable as error:  # without a way to a name server it is an outage
        shown = str(error)
    assert "its host name could not be resolved" in shown


def test_a_host_name_that_does_not_exist_fails_at_the_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolver_says(socket.EAI_NONAME, monkeypatch)
    with pytest.raises(SourceUnreachable, match=r"cannot be reached: its host name .* Check the host name"):
        asyncio.run(ask_at("https://shop.example/ids"))
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("code", "answered_before"),
    [(socket.EAI_AGAIN, False), (socket.EAI_FAIL, False), (socket.EAI_NONAME, True)],
)
def test_a_resolver_that_does_not_answer_or_loses_a_name_that_was_there_is_an_outage(
    code: int, answered_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolver_says(code, monkeypatch)
    outcome, reason, pauses = asyncio.run(ask_at("https://shop.example/ids", answered_before=answered_before))
    assert outcome == Throttled(15.0)
    assert reason == "its host name could not be resolved: as the resolver words it"
    assert (len(asked), pauses) == (5, 4)


def test_a_port_that_nobody_listens_on_is_an_outage() -> None:
    outcome, reason, _ = asyncio.run(ask_at(f"http://127.0.0.1:{unused_port()}/ids"))
    assert outcome == Throttled(15.0)
    assert reason == "connection refused"


async def with_own_certificate(folder: Path, work: Callable[[str], Any]) -> Any:
    """Call `work` with the URL of a server with an untrusted certificate."""
    server = TestServer(FakeApi().app(), scheme="https", host="localhost")
    await server.start_server(ssl=certificate(folder))
    try:
        return await work(str(server.make_url("/ids")))
    finally:
        await server.close()


def test_a_certificate_that_is_refused_fails_at_the_first_request(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match=r"reached: its certificate was refused: self.signed .* trust it"):
        asyncio.run(with_own_certificate(tmp_path, ask_at))


def test_a_token_url_whose_certificate_is_refused_fails_as_well_and_is_named(tmp_path: Path) -> None:
    async def ask_for_token(token_url: str) -> Any:
        return await ask_at("http://127.0.0.1:1/ids", auth={**OAUTH, "token_url": token_url})

    with pytest.raises(SourceUnreachable, match=r"reached: https://localhost:\d+/ids: its certificate was refused"):
        asyncio.run(with_own_certificate(tmp_path, ask_for_token))


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_are_refused_fail_at_the_first_request(status: int) -> None:
    api = FakeApi(said(status, {"error": "no"}))
    with pytest.raises(SourceRefused, match=rf"HTTP {status}: .* Check auth in the sources file"):
        asyncio.run(ask(api, auth=AUTH["bearer"]))
    assert len(api.asked) == 1
    with pytest.raises(SourceRefused, match=rf"HTTP {status}: .* has no auth: add it, if the source needs"):
        asyncio.run(ask(api))


@pytest.mark.parametrize("status", [401, 403])
def test_a_credential_that_is_refused_after_a_page_may_have_expired(status: int) -> None:
    api = FakeApi({"items": [{"id": 1}], "next": 2}, said(status, {}))
    table = {"pagination": {"style": "cursor", "read": "next"}, "auth": AUTH["bearer"]}
    refusal(api, table, rf"page 2 of the source: .* HTTP {status}: .* Check auth .* a credential may have expired")
