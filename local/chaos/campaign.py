"""Round after round on one stage, until one fails.

Enters: the seed and the number of rounds. Leaves: their outcomes, each as soon as it is known.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from local.chaos.bound import CHECKPOINT_MESSAGES
from local.chaos.plan import make_plan
from local.chaos.round import Outcome, play
from local.chaos.stage import Stage

SETTINGS = {
    "SLUICE_KEEPER_SECONDS": "1",
    "SLUICE_CHUNKS_PER_BATCH": "4",  # several windows in a round
    "SLUICE_CHECKPOINT_MESSAGES": str(CHECKPOINT_MESSAGES),
    "SLUICE_SEND_CONCURRENCY": "8",
    "SLUICE_FETCH_SECONDS": "20",
    "SLUICE_ENQUEUE_SECONDS": "20",
}


def rounds(seed: str, numbers: Iterable[int], *, ids: int, folder: Path) -> Iterator[Outcome]:
    """Play the rounds of a seed with these numbers."""
    with Stage(folder, ids, SETTINGS) as stage:
        for number in numbers:
            yield play(stage, make_plan(seed, number, ids))
            stage.empty_queue()
