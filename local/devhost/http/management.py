"""The management URLs of an instance, and the JSON of a durable client binding made of them."""

import json
from dataclasses import dataclass
from urllib.parse import quote_plus, urlencode

WEBHOOK_PATH = "/runtime/webhooks/durabletask/"
RPC_PATH = "/durabletask/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementLinks:
    """Builds the links of one hub; `code` is the durable key if requests need one."""

    hub_name: str
    code: str | None

    def for_instance(self, origin: str, instance_id: str) -> dict[str, str]:
        """Return the links of a check-status answer."""
        links = self._all(origin, instance_id)
        del links["rewindPostUri"]  # only the SDK's answers have this link, not the extension's own
        return links

    def client_binding(self, origin: str) -> str:
        """Return the JSON text of a durable client binding."""
        base = origin + WEBHOOK_PATH.rstrip("/")
        create = f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]?"
        wait = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}"
        code = f"code={self.code}" if self.code else ""
        return json.dumps(
            {
                "taskHubName": self.hub_name,
                "connectionName": None,
                "creationUrls": {
                    "createNewInstancePostUri": create + code,
                    "createAndWaitOnNewInstancePostUri": "&".join(filter(None, (create + wait, code))),
                },
                "managementUrls": self._all(origin, "INSTANCEID"),
                "baseUrl": base,
                "requiredQueryStringParameters": code,
                "rpcBaseUrl": origin + RPC_PATH,
                "httpBaseUrl": None,
                "maxGrpcMessageSizeInBytes": None,
                "grpcHttpClientTimeout": None,
            }
        )

    def _all(self, origin: str, instance_id: str) -> dict[str, str]:
        instance = f"{origin}{WEBHOOK_PATH}instances/{quote_plus(instance_id)}"
        query = self._query()
        reason = f"reason={{text}}&{query}"
        return {
            "id": instance_id,
            "statusQueryGetUri": f"{instance}?{query}",
            "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}?{query}",
            "terminatePostUri": f"{instance}/terminate?{reason}",
            "rewindPostUri": f"{instance}/rewind?{reason}",
            "purgeHistoryDeleteUri": f"{instance}?{query}",
            "restartPostUri": f"{instance}/restart?{query}",
            "suspendPostUri": f"{instance}/suspend?{reason}",
            "resumePostUri": f"{instance}/resume?{reason}",
        }

    def _query(self) -> str:
        pairs = {"taskHub": self.hub_name, "connection": "Storage", "code": self.code}
        return urlencode({key: value for key, value in pairs.items() if value})
