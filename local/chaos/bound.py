"""The number of duplicates that the strikes and faults of a round explain; more duplicates fail the round.

Input: the strikes and faults. Output: a number of messages.
"""

import json
from collections import Counter

from ingestion.storage import checkpoint
from local.chaos.fault import Fault
from local.chaos.plan import Plan
from local.demo.stack import ROOT

CHECKPOINT_MESSAGES = 20  # small, so that the bound is far below the size of a round
CRASHES = (  # strikes at processes; a loss of the state file (`losses`) also counts as a kill
    "kills",  # of devhost; also when devhost ends itself after the third exit of its worker
    "exits_in_turns",  # of the worker process
    "exits_in_activities",
    "timeouts",
    "restarts",  # of storage
)


def chunks_in_flight_at_most(plan: Plan, repeated: int) -> int:
    """Return how many chunks the host processes at the same time: its limit, or the number of chunks of the run."""
    host = json.loads((ROOT / "host.json").read_text())
    allowed = int(host["extensions"]["durableTask"]["maxConcurrentActivityFunctions"])
    return min(allowed, -(-(plan.ids + repeated) // plan.chunk_size))


def duplicates_at_most(plan: Plan, harm: Counter[str], faults: Counter[Fault]) -> int:
    """Return the largest number of messages that may be on the queue twice.

    The sum has three parts: for each crash, the messages that the chunks in flight may have sent since their
    checkpoints; the messages whose answer was lost; the items that the source itself returned twice.
    """
    crashes, repeated = sum(harm[name] for name in CRASHES), faults[Fault.REPEATED]
    chunks = chunks_in_flight_at_most(plan, repeated)
    unconfirmed = checkpoint.duplicates_at_most(crashes, chunks, CHECKPOINT_MESSAGES)
    return unconfirmed + harm["lost_answers"] + repeated
