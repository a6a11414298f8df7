"""How many duplicates the harm done to a run explains; one more is a failure of the round.

Enters: what was killed and what was spoilt. Leaves: a number of messages.
"""

import json
from collections import Counter
from dataclasses import dataclass

from chaos.fault import Fault
from demo.stack import ROOT
from ingestion import checkpoint

CHECKPOINT_MESSAGES = 20  # small, so that the bound is far below the size of a round


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """What happened to the processes and requests of one round."""

    kills: int
    restarts: int
    faults: Counter[Fault]
    lost_answers: int


def chunks_in_flight_at_most() -> int:
    """How many activities, and so how many chunks, the host runs at the same time."""
    host = json.loads((ROOT / "host.json").read_text())
    return int(host["extensions"]["durableTask"]["maxConcurrentActivityFunctions"])


def duplicates_at_most(harm: Harm) -> int:
    """What every chunk in flight may have sent since its checkpoint, once for each kill and each loss of storage; the
    messages whose answer was lost; and what the source itself has said twice."""
    crashes = harm.kills + harm.restarts
    unconfirmed = checkpoint.duplicates_at_most(crashes, chunks_in_flight_at_most(), CHECKPOINT_MESSAGES)
    return unconfirmed + harm.lost_answers + harm.faults[Fault.REPEATED]
