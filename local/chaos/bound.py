"""How many duplicates the harm done to a run explains; one more is a failure of the round.

Enters: what was killed and what was spoilt. Leaves: a number of messages.
"""

import json
from collections import Counter
from dataclasses import dataclass

from ingestion.storage import checkpoint
from local.chaos.fault import Fault
from local.chaos.plan import Plan
from local.demo.stack import ROOT

CHECKPOINT_MESSAGES = 20  # small, so that the bound is far below the size of a round


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """What happened to the processes and requests of one round."""

    faults: Counter[Fault]
    lost_answers: int
    kills: int = 0  # of devhost; or its own end, at the third exit of its worker
    restarts: int = 0  # of storage
    losses: int = 0  # of the state file, each with a kill
    exits_in_turns: int = 0  # of the worker process
    exits_in_activities: int = 0
    timeouts: int = 0


def chunks_in_flight_at_most(plan: Plan, harm: Harm) -> int:
    """How many chunks of a round the host works on at the same time: as many as it may, or as the run has."""
    host = json.loads((ROOT / "host.json").read_text())
    allowed = int(host["extensions"]["durableTask"]["maxConcurrentActivityFunctions"])
    return min(allowed, -(-(plan.ids + harm.faults[Fault.REPEATED]) // plan.chunk_size))


def duplicates_at_most(plan: Plan, harm: Harm) -> int:
    """What every chunk in flight may have sent since its checkpoint, once for each crash of any kind and each loss of
    storage; the messages whose answer was lost; and what the source itself has said twice."""
    crashes = harm.kills + harm.restarts + harm.exits_in_turns + harm.exits_in_activities + harm.timeouts
    chunks = chunks_in_flight_at_most(plan, harm)
    unconfirmed = checkpoint.duplicates_at_most(crashes, chunks, CHECKPOINT_MESSAGES)
    return unconfirmed + harm.lost_answers + harm.faults[Fault.REPEATED]
