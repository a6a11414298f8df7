"""Storage accounts from app settings: a connection string, or an identity.

Identity settings follow the convention of Azure Functions: `NAME__accountName`, or `NAME__blobServiceUri` and
`NAME__queueServiceUri`; and `NAME__clientId` for a user-assigned identity.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import unquote

from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from ingestion.errors import InvalidInput
from ingestion.storage.access import Access, bearer_access, sas_access, signed_access
from ingestion.validation import UNRESOLVED, is_unresolved

# Short waits, because Durable Functions retries too; by default the clients wait 15 s before the first retry.
_RETRY: dict[str, Any] = {"initial_backoff": 1, "increment_base": 2, "retry_total": 2, "random_jitter_range": 1}
STORAGE = "AzureWebJobsStorage"
_FORM = "the connection string of a storage account, or the settings {0}__accountName or {0}__queueServiceUri"


Client = TypeVar("Client", BlobServiceClient, QueueServiceClient)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The addresses of an account, and its credentials; `setting` is the app setting that names it."""

    setting: str
    connection_string: str = ""
    blob_uri: str = ""
    queue_uri: str = ""
    client_id: str = ""

    @property
    def place(self) -> str:
        """The address or the name of the account, without credentials."""
        parts = dict(part.partition("=")[::2] for part in self.connection_string.split(";"))
        return (self.queue_uri or parts.get("QueueEndpoint") or parts.get("AccountName", "")).partition("?")[0]

    @property
    def secrets(self) -> list[str]:
        """Return the keys and signatures in the settings of the account."""
        text = ";".join((self.connection_string, self.blob_uri, self.queue_uri))
        found = re.findall(r"AccountKey=([^;]+)|sig=([^;&]+)", text, re.IGNORECASE)
        return [unquote(key or signature) for key, signature in found]

    def open(self) -> "OpenAccount":
        """Return clients for the account. Raise InvalidInput if the connection string is invalid."""
        return OpenAccount(self)


def read_account(setting: str, environment: Mapping[str, str]) -> Account:
    """Return the account that `setting` names in `environment`. Raise InvalidInput if there is none."""
    if is_unresolved(connection_string := environment.get(setting, "")):
        raise InvalidInput(setting, UNRESOLVED, _FORM.format(setting))
    if connection_string:
        return Account(setting=setting, connection_string=connection_string)
    name = environment.get(f"{setting}__accountName", "")
    blob_uri = environment.get(f"{setting}__blobServiceUri") or (name and f"https://{name}.blob.core.windows.net")
    queue_uri = environment.get(f"{setting}__queueServiceUri") or (name and f"https://{name}.queue.core.windows.net")
    if not queue_uri:
        raise InvalidInput(setting, "missing", _FORM.format(setting))
    client_id = environment.get(f"{setting}__clientId", "")
    return Account(setting=setting, blob_uri=blob_uri, queue_uri=queue_uri, client_id=client_id)


class OpenAccount:
    """The official clients of one account and the access for the sender's own requests, for one event loop."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._credential = None if account.connection_string else _identity(account.client_id)
        self._opened: list[Any] = []
        self.queues = self._client(QueueServiceClient, account.queue_uri)
        self.access = self._access()

    @cached_property
    def blobs(self) -> BlobServiceClient:
        """The client for blobs, made on first use: some accounts have only queues."""
        account = self._account
        return self._client(BlobServiceClient, account.blob_uri or account.queue_uri.replace(".queue.", ".blob.", 1))

    async def close(self) -> None:
        """Close every connection."""
        for client in self._opened:
            await client.close()
        if self._credential is not None:
            await self._credential.close()

    def _client(self, kind: type[Client], uri: str) -> Client:
        account = self._account
        try:
            if self._credential is not None:
                client = kind(uri, self._credential, **_RETRY)
            else:
                client = kind.from_connection_string(account.connection_string, **_RETRY)
                if client.credential is not None:
                    base64.b64decode(client.credential.account_key, validate=True)
        except ValueError as error:
            raise InvalidInput(account.setting, str(error), _FORM.format(account.setting)) from None
        self._opened.append(client)
        return client

    def _access(self) -> Access:
        if self._credential is not None:
            return bearer_access(self._credential)
        if self.queues.credential is not None:
            return signed_access(str(self.queues.account_name), self.queues.credential.account_key)
        return sas_access(str(self.queues.url).partition("?")[2])


def _identity(client_id: str) -> Any:
    # Import this only when it is needed: the import takes 0.8 s.
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=client_id) if client_id else DefaultAzureCredential()
