"""The app's orchestrator, with activities that a fake world answers."""

from typing import Any

import azure.durable_functions as df

from orchestrators import ingest_run
from tests.app.golden import stage

app = df.DFApp()
app.register_functions(ingest_run.blueprint)


def add_activity(name: str) -> None:
    """Serve an activity of that name; the world answers its `request`."""

    async def answer(request: dict) -> Any:
        outcome = stage.world.answer(name, request)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    app.function_name(name)(app.activity_trigger(input_name="request")(answer))


for activity in stage.ACTIVITIES:
    add_activity(activity)
