"""The plan of a round, drawn from the seed: sizes, fault rates, and the moments of the strikes.

Input: the seed and the number of the round. Output: a `Plan`.
"""

import random
from dataclasses import dataclass

from aiohttp.web import BaseRequest

from local.chaos.ambush import Strike, Victim
from local.chaos.fault import Fault, Misfortune

CHUNK_SIZES = (40, 80, 150, 300)
OTHER_STRIKES = (0, 0, 1, 1, 2)  # besides the strike at the worker; the keeper recovers a run only three times an hour
OTHERS = (Victim.HOST, Victim.HOST, Victim.TIMEOUT, Victim.TIMEOUT, Victim.STORAGE, Victim.BOTH, Victim.STATE)
# The largest share of requests that get one kind of fault.
WORST_RATE = 0.02  # of messages: the sender waits after each fault
WORST_PAGE_RATE = 0.06  # of pages, with five kinds: a fetch tries a page five times, so a higher share would end a run
WORST_BLOB_RATE = 0.01  # of blob requests: after each fault Microsoft's client waits a second or more


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan of one round; `rates` has the share of each fault for each service."""

    number: int
    seed: str
    ids: int
    chunk_size: int
    strikes: tuple[Strike, ...]
    rates: dict[str, dict[Fault, float]]

    def misfortune(self, service: str) -> Misfortune:
        """Return the faults of the requests to a service; at the queue only messages get faults."""
        return Misfortune(f"{self.seed}/{service}", self.rates[service], is_message if service == "queue" else None)


def make_plan(seed: str, number: int, ids: int) -> Plan:
    """Return the plan of a round; it is always the same for the same seed, number and number of ids."""
    chance = random.Random(f"{seed}/{number}")
    chunk_size = chance.choice(CHUNK_SIZES)
    requests = ids + 4 * (ids // chunk_size + 1)  # an undisturbed run sends at least so many requests to storage
    worker = Victim.TURN if number % 2 else Victim.WORKER
    victims = (worker, *(chance.choice(OTHERS) for _ in range(chance.choice(OTHER_STRIKES))))
    strikes = tuple(
        Strike(at_request=_moment(chance, victim, requests), answered=chance.random() < 0.5, victim=victim)
        for victim in victims
    )

    def rates(worst: float, *kinds: Fault) -> dict[Fault, float]:
        return {kind: chance.uniform(0, worst) for kind in kinds}

    return Plan(
        number=number,
        seed=f"{seed}/{number}",
        ids=ids,
        chunk_size=chunk_size,
        strikes=strikes,
        rates={
            "queue": rates(WORST_RATE, Fault.BUSY, Fault.CUT, Fault.LOST),
            "blobs": rates(WORST_BLOB_RATE, Fault.BUSY, Fault.CUT, Fault.LOST),
            "source": rates(WORST_PAGE_RATE, Fault.BUSY, Fault.THROTTLED, Fault.CUT, Fault.TORN, Fault.REPEATED),
        },
    )


def _moment(chance: random.Random, victim: Victim, requests: int) -> int:
    if victim is Victim.STATE:
        # Not earlier: without a recorded state the keeper restarts the run only after ten minutes.
        return chance.randint(requests // 3, requests)
    if victim in (Victim.WORKER, Victim.TURN, Victim.TIMEOUT):  # early, so that activities and replays still follow
        return chance.randint(1, requests * 2 // 3)
    return chance.randint(1, requests)


def is_message(request: BaseRequest) -> bool:
    """Return whether a request to the queue service puts a message; other requests get no faults."""
    return request.method == "POST" and request.path.endswith("/messages")
