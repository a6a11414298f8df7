"""Access to storage: fewer rights are enough, and an error says what a person can do."""

import base64
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.storage.queue import AccountSasPermissions, QueueClient, ResourceTypes, generate_account_sas

from ingestion.errors import InvalidInput, SluiceError, StorageRefused, StorageUnavailable, cut
from ingestion.open_storage import Storage
from ingestion.run.run_state import ERROR_LENGTH
from ingestion.sending.put_message import Effort, put_message
from ingestion.settings import Settings, load_settings
from ingestion.storage.failures import storage_errors
from local.emulator import Azurite
from local.emulator.server import ACCOUNT, ACCOUNT_KEY
from tests.faults.sending import sending, texts_on
from tests.queues import create


@pytest.mark.parametrize("keyword", ["SharedAccessSignature", "sharedaccesssignature"])
async def test_who_may_only_put_messages_sends_to_a_queue_that_is_there(
    azurite: Azurite, queue_name: str, keyword: str
) -> None:
    with QueueClient.from_connection_string(azurite.connection_string, queue_name) as client:
        create(client)
    endpoint = f"http://127.0.0.1:{azurite.ports['Queue']}/{ACCOUNT}"
    later = datetime.now(UTC) + timedelta(hours=1)
    may = ResourceTypes(object=True), AccountSasPermissions(add=True)
    signature = generate_account_sas(ACCOUNT, ACCOUNT_KEY, *may, later)
    settings = load_settings({
        "AzureWebJobsStorage": azurite.connection_string,
        "SLUICE_CONTAINER": queue_name,
        "SLUICE_QUEUES": f"OTHER/{queue_name}",
        "OTHER": f"QueueEndpoint={endpoint};BlobEndpoint={endpoint};{keyword}={signature}",
    })  # fmt: skip
    async with sending(settings, ["a", "b"]) as chunk:
        receipt = await chunk.send()
    assert (receipt.enqueued, receipt.error) == (2, None)
    assert texts_on(azurite, queue_name) == Counter("ab")


HOUR = timedelta(hours=1)
ANOTHER_KEY = base64.b64encode(b"another key").decode()
SIGNATURES = {  # of another account: what may be done until when, with which key
    "expired": (AccountSasPermissions(add=True, create=True), -HOUR, ACCOUNT_KEY),
    "for reading": (AccountSasPermissions(read=True), HOUR, ACCOUNT_KEY),
    "with another key": (AccountSasPermissions(add=True, create=True), HOUR, ANOTHER_KEY),
}


def beside(azurite: Azurite, queue_name: str, other: str) -> Settings:
    """Return settings with a queue in an account that the setting SHOP_ACCOUNT names."""
    endpoint = f"QueueEndpoint=http://127.0.0.1:{azurite.ports['Queue']}/{ACCOUNT};"
    with QueueClient.from_connection_string(azurite.connection_string, queue_name) as client:
        create(client)
    return load_settings({
        "AzureWebJobsStorage": azurite.connection_string,
        "SLUICE_CONTAINER": queue_name,
        "SLUICE_QUEUES": f"SHOP_ACCOUNT/{queue_name}",
        "SHOP_ACCOUNT": endpoint + other,
    })  # fmt: skip


@pytest.mark.parametrize("kind", SIGNATURES)
async def test_a_signature_that_does_not_let_in_is_blamed_on_its_own_setting(
    azurite: Azurite, queue_name: str, kind: str
) -> None:
    may, life, key = SIGNATURES[kind]
    everything = ResourceTypes(service=True, container=True, object=True)
    signature = generate_account_sas(ACCOUNT, key, everything, may, datetime.now(UTC) + life)
    settings, texts = beside(azurite, queue_name, f"SharedAccessSignature={signature}"), []
    storage = Storage(settings)
    for doing in (storage.prepare(settings), put_message(storage.queues.shards(settings)[0], b"", Effort(), inf)):
        try:
            await doing
        except StorageRefused as error:
            texts.append(str(error))
    await storage.close()
    for text in texts:
        assert re.search(r"HTTP 403 \(Auth\w+\).*[Cc]heck SHOP_ACCOUNT", text)
        assert "AzureWebJobsStorage" not in text
    assert len(texts[-1]) <= ERROR_LENGTH, "it travels with the state whole"


async def test_a_connection_string_with_a_queue_endpoint_alone_is_enough_for_a_queue(
    azurite: Azurite, queue_name: str
) -> None:
    later = datetime.now(UTC) + HOUR
    signature = generate_account_sas(
        ACCOUNT, ACCOUNT_KEY, ResourceTypes(object=True), AccountSasPermissions(add=True), later
    )
    settings = beside(azurite, queue_name, f"SharedAccessSignature={signature}")
    async with sending(settings, ["a", "b"]) as chunk:
        assert (await chunk.send()).enqueued == 2


async def test_an_invalid_key_is_refused_by_the_name_of_its_setting(azurite: Azurite, queue_name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Storage(beside(azurite, queue_name, f"AccountName={ACCOUNT};AccountKey=k3y"))
    assert (refused.value.field, "k3y" in str(refused.value)) == ("SHOP_ACCOUNT", False)


@pytest.mark.parametrize("most", [20, 40, 60, 120])
def test_a_text_that_is_too_long_ends_after_a_word_and_says_so(most: int) -> None:
    text = "the queue answered HTTP 403: check the setting that names the account, and the network"
    texts = cut(text, most)
    assert len(texts) <= most
    assert texts == text or text.startswith(f"{texts.removesuffix('...')}")
    assert texts == text or texts.endswith(" ...")
    assert len(cut("x" * 1_000, most)) == most


def answered(status: int) -> HttpResponseError:
    error = HttpResponseError("told in other words")
    error.status_code, error.reason = status, "Because"
    return error


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (answered(403), StorageRefused, "HTTP 403 .*Storage Blob Data Owner"),
        (answered(404), StorageRefused, r"HTTP 404 \(Because\)$"),
        (answered(503), StorageUnavailable, "HTTP 503"),
        (
            ClientAuthenticationError("no identity assigned\nsee there"),
            StorageUnavailable,
            "no identity assigned. C",
        ),
        (ServiceRequestError("no route to host"), StorageUnavailable, "no route to host.*AzureWebJobsStorage"),
        (ServiceRequestError(""), StorageUnavailable, "cannot be reached"),
    ],
)
def test_an_error_of_storage_says_what_was_done_and_what_to_check(
    error: AzureError, kind: type[SluiceError], text: str
) -> None:
    with pytest.raises(kind, match=f"could not read the ledger: .*{text}"), storage_errors("read the ledger"):
        raise error
