"""One round: a run from its start to its report while the plan happens to it, then the queue against the source.

Enters: a stage and a plan. Leaves: an `Outcome` that says what was done to the run and what became of the ids.
"""

import time
from dataclasses import dataclass
from typing import Any

import httpx

from chaos.bound import Harm, duplicates_at_most
from chaos.fault import Fault
from chaos.plan import Plan
from chaos.stage import Stage
from demo.readback import read_back
from demo.run_client import ENDED, RunClient, RunError
from demo.tally import Comparison

POLL_SECONDS = 0.2
STANDSTILL_SECONDS = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done to a run, how it ended, and what was found on the queue."""

    plan: Plan
    harm: Harm
    bound: int
    status: dict[str, Any]
    found: Comparison
    seconds: float


def play(stage: Stage, plan: Plan) -> Outcome:
    """Play one round. Raises RunError if the run stands still, ChildError if a process ends that nobody struck."""
    began, kills, restarts = time.monotonic(), stage.kills, stage.restarts
    stage.lay(plan)
    met = [stage.queue.misfortune, stage.blobs.misfortune, stage.source.misfortune]
    try:
        status = follow(stage, plan)
    finally:
        stage.lift()
    queue, blobs, source = (one.met for one in met)
    found = read_back(stage.azurite.connection_string, stage.stack.queue, stage.stack.api_url)
    harm = Harm(
        kills=stage.kills - kills,
        restarts=stage.restarts - restarts,
        faults=queue + blobs + source,
        lost_answers=queue[Fault.LOST],
    )
    return Outcome(
        plan=plan,
        harm=harm,
        bound=duplicates_at_most(plan, harm),
        status=status,
        found=found,
        seconds=time.monotonic() - began,
    )


def follow(stage: Stage, plan: Plan) -> dict[str, Any]:
    """Start the run and mend what is struck until it has ended; gives its last status."""
    run_id = f"chaos-{plan.seed.replace('/', '-')}"
    seen, seen_at = None, time.monotonic()
    with RunClient(stage.stack.app_url) as client:
        while True:
            stage.mend()
            status = _look(client, plan, run_id)
            if status is not None and status["status"] in ENDED:
                return status
            now, moved = time.monotonic(), (stage.kills, stage.restarts, status and status["progress"])
            if moved != seen:
                seen, seen_at = moved, now
            elif now - seen_at > STANDSTILL_SECONDS:
                raise RunError(f"round {plan.number}: the run stood still for {STANDSTILL_SECONDS:.0f} s: {status}")
            time.sleep(POLL_SECONDS)


def _look(client: RunClient, plan: Plan, run_id: str) -> dict[str, Any] | None:
    """The run's status, which is also asked of an app that is being killed; starts the run if there is none yet."""
    try:
        try:
            return client.status(run_id)
        except RunError:
            client.start(source="demo", run_id=run_id, chunk_size=plan.chunk_size)
    except (RunError, httpx.HTTPError):
        return None  # struck at this moment, or storage is: the next look tells
    return None
