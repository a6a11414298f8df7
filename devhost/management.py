"""The URLs by which an instance is managed, and the value of a durable client binding made of them.

On the way: an origin and the hub's name enter; links leave, for the app's client functions and for
the answers of the durable HTTP API itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote, urlencode

WEBHOOK_PATH = "/runtime/webhooks/durabletask/"
RPC_PATH = "/durabletask/"
_PLACEHOLDER_ID = "INSTANCEID"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementLinks:
    """Builds links for one hub; `code` is the durable key when keys are asked for."""

    hub_name: str
    code: str | None

    def for_instance(self, origin: str, instance_id: str) -> dict[str, str]:
        """Return the links of a check-status answer."""
        links = self._all(origin, instance_id)
        # The extension's own answers do not offer rewind; the SDK's do.
        del links["rewindPostUri"]
        return links

    def client_binding(self, origin: str) -> str:
        """Return the JSON text a durable client is built from."""
        base = origin + WEBHOOK_PATH.rstrip("/")
        creation = f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]"
        waiting = {"timeout": "{timeoutInSeconds}", "pollingInterval": "{intervalInSeconds}"}
        return json.dumps(
            {
                "taskHubName": self.hub_name,
                "creationUrls": {
                    "createNewInstancePostUri": f"{creation}?{self._query()}",
                    "createAndWaitOnNewInstancePostUri": f"{creation}?{self._query(waiting)}",
                },
                "managementUrls": self._all(origin, _PLACEHOLDER_ID),
                "baseUrl": base,
                "requiredQueryStringParameters": f"code={self.code}" if self.code else "",
                "rpcBaseUrl": origin + RPC_PATH,
            }
        )

    def _all(self, origin: str, instance_id: str) -> dict[str, str]:
        instance = f"{origin}{WEBHOOK_PATH}instances/{quote(instance_id, safe='')}"
        plain, reason = self._query(), self._query({"reason": "{text}"})
        return {
            "id": instance_id,
            "statusQueryGetUri": f"{instance}?{plain}",
            "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}?{plain}",
            "terminatePostUri": f"{instance}/terminate?{reason}",
            "rewindPostUri": f"{instance}/rewind?{reason}",
            "purgeHistoryDeleteUri": f"{instance}?{plain}",
            "restartPostUri": f"{instance}/restart?{plain}",
            "suspendPostUri": f"{instance}/suspend?{reason}",
            "resumePostUri": f"{instance}/resume?{reason}",
        }

    def _query(self, first: dict[str, str] | None = None) -> str:
        pairs = {**(first or {}), "taskHub": self.hub_name, "connection": "Storage"}
        if self.code:
            pairs["code"] = self.code
        return urlencode(pairs, safe="{}")
