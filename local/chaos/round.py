"""One round: a run from its start to its report while the plan happens to it, then the queue against the source.

Enters: a stage and a plan. Leaves: an `Outcome` that says what was done to the run and what became of the ids.
"""

import time
from dataclasses import dataclass

import httpx

from local.chaos.bound import Harm, duplicates_at_most
from local.chaos.fault import Fault
from local.chaos.plan import Plan
from local.chaos.stage import Stage
from local.demo.readback import read_back
from local.demo.run_client import ENDED, RunClient, RunError, Status
from local.demo.tally import Comparison

POLL_SECONDS = 0.2
STANDSTILL_SECONDS = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was done to a run, how it ended, and what was found on the queue."""

    plan: Plan
    harm: Harm
    bound: int
    status: Status
    found: Comparison
    seconds: float


def play(stage: Stage, plan: Plan) -> Outcome:
    """Play one round. Raises RunError if the run stands still, ChildError if a process ends that nobody struck."""
    began, before = time.monotonic(), stage.suffered()
    stage.lay(plan)
    met = [stage.queue.misfortune, stage.blobs.misfortune, stage.source.misfortune]
    try:
        with RunClient(stage.stack.app_url) as client:
            follower = Follower(stage, plan, client)
            status = follower.follow()
    finally:
        stage.lift()
    queue, blobs, source = (one.met for one in met)
    found = read_back(stage.azurite.connection_string, stage.stack.queue, stage.stack.api_url)
    harm = Harm(**(stage.suffered() - before), faults=queue + blobs + source, lost_answers=queue[Fault.LOST])
    return Outcome(
        plan=plan,
        harm=harm,
        bound=duplicates_at_most(plan, harm),
        status=status,
        found=found,
        seconds=time.monotonic() - began,
    )


class Follower:
    """Starts the run, and looks: what is struck down comes up again, and nothing else is done to the run."""

    def __init__(self, stage: Stage, plan: Plan, client: RunClient) -> None:
        self._stage, self._plan, self._client = stage, plan, client
        self._run_id = f"chaos-{plan.seed.replace('/', '-')}"
        self._is_started = False

    def follow(self) -> Status:
        """Mend what is struck until the run has ended; gives its last status."""
        seen, seen_at = None, time.monotonic()
        while True:
            self._stage.mend()
            status = self._look()
            if status is not None and status["status"] in ENDED:
                return status
            moved = (self._stage.suffered(), status and (status["status"], status["progress"]))
            now = time.monotonic()
            if moved != seen:
                seen, seen_at = moved, now
            elif now - seen_at > STANDSTILL_SECONDS:
                stands = f"the run stood still for {STANDSTILL_SECONDS:.0f} s"
                raise RunError(f"round {self._plan.number}: {stands}: {status}")
            time.sleep(POLL_SECONDS)

    def _look(self) -> Status | None:
        """The run's status; None if nobody answers. A start is repeated until it is accepted, once."""
        try:
            if self._is_started:
                return self._client.status(self._run_id)
            self._client.start(source="demo", run_id=self._run_id, chunk_size=self._plan.chunk_size)
            self._is_started = True
        except (RunError, httpx.HTTPError):
            pass  # struck at this moment, or storage is: the next look tells
        return None
