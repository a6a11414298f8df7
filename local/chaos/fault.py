"""The faults of single requests, and how often they occur.

Input: a request at a proxy. Output: its fault, or None. A seeded generator makes the choices. Since the requests of
many connections race each other, a seed fixes the probabilities of a round, but not which requests get a fault.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum

from aiohttp.web import BaseRequest


class Fault(StrEnum):
    """Faults of real services and networks."""

    BUSY = "busy"  # 503, not executed
    THROTTLED = "throttled"  # 429 with Retry-After, not executed
    EXPIRED = "expired"  # 401, not executed
    REFUSED = "refused"  # 413, not executed, and a repetition would not help
    SLOW = "slow"  # executed, but the answer is late
    CUT = "cut"  # the connection ends before the service gets the request
    LOST = "lost"  # executed, but the connection ends without an answer
    FAILED = "failed"  # executed, but the answer is 500
    BEHEADED = "beheaded"  # executed, but the connection ends within the head of the answer
    TORN = "torn"  # executed, but the connection ends after half of the answer
    REPEATED = "repeated"  # a page starts with the last item of the page before


Applies = Callable[[BaseRequest], bool]


class Misfortune:
    """Draws a fault, or None, for each request that `applies` accepts; the proxies count the faults in `met`."""

    def __init__(self, seed: str, rates: Mapping[Fault, float], applies: Applies | None = None) -> None:
        self._chance = random.Random(seed)
        self._rates = dict(rates)
        self._applies = applies
        self.met: Counter[Fault] = Counter()

    def draw(self, request: BaseRequest) -> Fault | None:
        """Return the fault of this request, or None."""
        if self._applies and not self._applies(request):
            return None
        point = self._chance.random()
        for fault, rate in self._rates.items():
            if point < rate:
                return fault
            point -= rate
        return None


FAIR = Misfortune("", {})
