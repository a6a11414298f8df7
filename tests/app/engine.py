"""A fake durable client, controlled by a test, for the app's functions that call Durable Functions."""

import asyncio
from types import SimpleNamespace
from typing import Any

import azure.functions as func
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from ingestion.contracts import RunState
from ingestion.wire import JsonObject, from_wire

HUB = "TestHub"
START = "20260101T000000-aa"
STARTED_AT = "2026-01-01T00:00:00+00:00"


class Engine:
    """The durable client of a task hub: the status of each instance, and the started instances."""

    def __init__(self, task_hub: str = HUB) -> None:
        self._orchestration_bindings = SimpleNamespace(task_hub_name=task_hub)
        self.instances: dict[str, JsonObject] = {}
        self.starts: list[tuple[str, RunState]] = []
        self.is_away = False
        self.asked, self.asked_at_once, self.most_at_once = list[str](), 0, 0

    def has(self, status: str | None, run_id: str = "run", **fields: Any) -> None:
        """Set the status of a run's instance; None removes the instance."""
        self.instances.pop(run_id, None)
        if status is not None:
            created = {"instanceId": run_id, "createdTime": STARTED_AT, "input": {"run": [run_id, START]}}
            self.instances[run_id] = {**created, "runtimeStatus": status, **fields}

    async def get_status(self, run_id: str, show_input: bool = False) -> DurableOrchestrationStatus | None:
        self.asked.append(run_id)
        self.asked_at_once += 1
        self.most_at_once = max(self.most_at_once, self.asked_at_once)
        await asyncio.sleep(0)
        self.asked_at_once -= 1
        if self.is_away:
            raise RuntimeError("no answer")
        fields = self.instances.get(run_id)
        return DurableOrchestrationStatus.from_json(fields) if fields else None

    async def get_status_by(self, instance_id_prefix: str) -> list[DurableOrchestrationStatus]:
        found = [fields for run_id, fields in self.instances.items() if run_id.startswith(instance_id_prefix)]
        return [DurableOrchestrationStatus.from_json(fields) for fields in found]

    async def start_new(self, name: str, instance_id: str, client_input: JsonObject) -> str:
        assert name == "ingest_run"
        there = self.instances.get(instance_id)
        assert there is None or there["runtimeStatus"] not in ("Pending", "Running", "Suspended"), "two at once"
        self.has("Running", instance_id, input=client_input)
        self.starts.append((instance_id, from_wire(RunState, client_input)))
        return instance_id

    @property
    def started(self) -> list[RunState]:
        """Return the states with which instances were started."""
        return [state for _, state in self.starts]

    def started_of(self, run_id: str) -> list[RunState]:
        """Return those of one run."""
        return [state for of, state in self.starts if of == run_id]

    def let_rest(self, run_id: str) -> None:
        """Make a running run wait, so that reading its progress sends no more requests."""
        if self.instances.get(run_id, {}).get("runtimeStatus") == "Running":
            self.instances[run_id]["runtimeStatus"] = "Suspended"

    async def raise_event(self, run_id: str, name: str, data: str) -> None:
        """Do nothing: no instance waits for events here."""

    async def purge_instance_history(self, run_id: str) -> Any:
        return SimpleNamespace(instances_deleted=int(self.instances.pop(run_id, None) is not None))

    def create_check_status_response(self, req: func.HttpRequest, run_id: str) -> func.HttpResponse:
        return func.HttpResponse(status_code=202)

    def get_client_response_links(self, req: func.HttpRequest, run_id: str) -> JsonObject:
        return {"id": run_id}
