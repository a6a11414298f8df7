"""The way to storage: who may do less still gets through, and what goes wrong is told so that a person can act."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.storage.queue import AccountSasPermissions, QueueClient, ResourceTypes, generate_account_sas

from ingestion.errors import SluiceError, StorageRefused, StorageUnavailable
from ingestion.settings import load_settings
from ingestion.storage.failures import storage_errors
from local.emulator import Azurite
from local.emulator.server import ACCOUNT, ACCOUNT_KEY
from tests.faults.sending import sending, texts_on


@pytest.mark.parametrize("keyword", ["SharedAccessSignature", "sharedaccesssignature"])
async def test_who_may_only_put_messages_sends_to_a_queue_that_is_there(
    azurite: Azurite, queue_name: str, keyword: str
) -> None:
    with QueueClient.from_connection_string(azurite.connection_string, queue_name) as client:
        client.create_queue()
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


def answered(status: int) -> HttpResponseError:
    error = HttpResponseError("told in other words")
    error.status_code, error.reason = status, "Because"
    return error


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (answered(403), StorageRefused, "HTTP 403 .*Storage Blob Data Contributor"),
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
