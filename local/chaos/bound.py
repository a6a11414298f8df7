"""How many duplicates the harm done to a run explains; one more is a failure of the round.

Enters: what was killed and what was spoilt. Leaves: a number of messages.
"""

import json
from collections import Counter

from ingestion.storage import checkpoint
from local.chaos.fault import Fault
from local.chaos.plan import Plan
from local.demo.stack import ROOT

CHECKPOINT_MESSAGES = 20  # small, so that the bound is far below the size of a round
CRASHES = (  # what happens to processes; a loss of the state file (`losses`) comes with a kill
    "kills",  # of devhost; or its own end, at the third exit of its worker
    "exits_in_turns",  # of the worker process
    "exits_in_activities",
    "timeouts",
    "restarts",  # of storage
)


def chunks_in_flight_at_most(plan: Plan, repeated: int) -> int:
    """Return how many chunks of a round the host works on at the same time: as many as it may, or as the run has."""
    host = json.loads((ROOT / "host.json").read_text())
    allowed = int(host["extensions"]["durableTask"]["maxConcurrentActivityFunctions"])
    return min(allowed, -(-(plan.ids + repeated) // plan.chunk_size))


def duplicates_at_most(plan: Plan, harm: Counter[str], faults: Counter[Fault]) -> int:
    """Return the most that may be on the queue twice.

    That is what every chunk in flight may have sent since its checkpoint, once for each crash of any kind and each loss
    of storage; the messages whose answer was lost; and what the source itself has said twice.
    """
    crashes, repeated = sum(harm[name] for name in CRASHES), faults[Fault.REPEATED]
    chunks = chunks_in_flight_at_most(plan, repeated)
    unconfirmed = checkpoint.duplicates_at_most(crashes, chunks, CHECKPOINT_MESSAGES)
    return unconfirmed + harm["lost_answers"] + repeated
