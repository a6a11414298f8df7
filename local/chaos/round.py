"""Play rounds: disturb a run by a plan until the run has ended, then compare the queue with the source.

Input: the seed and the numbers of the rounds. Output: an `Outcome` of each round.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from local.chaos.bound import CHECKPOINT_MESSAGES, duplicates_at_most
from local.chaos.fault import Fault
from local.chaos.plan import Plan, make_plan
from local.chaos.stage import Stage, stage
from local.demo.readback import Comparison
from local.demo.run_client import POLL_SECONDS, RunClient, RunError, Status

STANDSTILL_SECONDS = 90.0
SETTINGS = {
    "SLUICE_KEEPER_SECONDS": "1",
    "SLUICE_CHUNKS_PER_BATCH": "4",  # several windows in a round
    "SLUICE_CHECKPOINT_MESSAGES": str(CHECKPOINT_MESSAGES),
    "SLUICE_SEND_CONCURRENCY": "8",
    "SLUICE_FETCH_SECONDS": "20",
    "SLUICE_ENQUEUE_SECONDS": "20",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The strikes and faults of a run, how it ended, and the comparison of its queue."""

    plan: Plan
    harm: Counter[str]
    faults: Counter[Fault]
    bound: int
    status: Status
    found: Comparison
    seconds: float


def rounds(seed: str, numbers: Iterable[int], *, ids: int, folder: Path) -> Iterator[Outcome]:
    """Play these rounds of a seed."""
    with stage(folder, ids, SETTINGS) as running:
        for number in numbers:
            yield play(running, make_plan(seed, number, ids))
            running.empty_queue()


def play(stage: Stage, plan: Plan) -> Outcome:
    """Play one round. Raise RunError if the run makes no progress, ChildError if a process ends without a strike."""
    began, before = time.monotonic(), stage.suffered()
    stage.lay(plan)
    met = {name: proxy.misfortune.met for name, proxy in stage.proxies.items()}
    try:
        with RunClient(stage.stack.devhost.url) as client:
            run_id = start(stage, plan, client)
            *_, status = client.follow(run_id, check=stage.restore, patience_seconds=STANDSTILL_SECONDS)
    finally:
        stage.lift()
    found = stage.stack.read_back()
    harm = stage.suffered() - before + Counter(lost_answers=met["queue"][Fault.LOST])
    faults = met["queue"] + met["blobs"] + met["source"]
    return Outcome(
        plan=plan,
        harm=harm,
        faults=faults,
        bound=duplicates_at_most(plan, harm, faults),
        status=status,
        found=found,
        seconds=time.monotonic() - began,
    )


def start(stage: Stage, plan: Plan, client: RunClient) -> str:
    """Start the run, and try again until the app accepts it. Return its id."""
    deadline = time.monotonic() + STANDSTILL_SECONDS
    while True:
        stage.restore()
        try:
            run_id = f"chaos-{plan.seed.replace('/', '-')}"
            return client.start(source="demo", run_id=run_id, chunk_size=plan.chunk_size)
        except (RunError, httpx.HTTPError):  # devhost or storage is struck at this moment
            if time.monotonic() > deadline:
                raise
        time.sleep(POLL_SECONDS)
