"""What goes wrong with single requests, and how often.

Enters: a request that passes a proxy. Leaves: nothing (it passes), or the fault that it meets. The choices come from a
seeded generator; since requests of many connections race each other, one seed gives the same odds in every run of a
round, not the same request.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum

from aiohttp.web import BaseRequest


class Fault(StrEnum):
    """Each is something that real services and networks do."""

    BUSY = "busy"  # 503, nothing was done
    THROTTLED = "throttled"  # 429 with Retry-After, nothing was done
    EXPIRED = "expired"  # 401, nothing was done
    REFUSED = "refused"  # 413, nothing was done, and will never be for this request
    SLOW = "slow"  # the service did what was asked, and the answer comes late
    CUT = "cut"  # the connection ends before the service has seen the request
    LOST = "lost"  # the service did what was asked, and the connection ends without an answer
    FAILED = "failed"  # the service did what was asked, and answers with 500
    BEHEADED = "beheaded"  # the service did what was asked, and the connection ends within the head of its answer
    TORN = "torn"  # half of the answer comes, then the connection ends
    REPEATED = "repeated"  # a page starts with the last item of the page before


Applies = Callable[[BaseRequest], bool]


class Misfortune:
    """Draws a fault for each request that it applies to, and counts what was drawn."""

    def __init__(self, seed: str, rates: Mapping[Fault, float], applies: Applies | None = None) -> None:
        self._chance = random.Random(seed)
        self._rates = dict(rates)
        self._applies = applies
        self.met: Counter[Fault] = Counter()

    def draw(self, request: BaseRequest) -> Fault | None:
        """Return the fault that this request meets, if any."""
        if self._applies and not self._applies(request):
            return None
        point = self._chance.random()
        for fault, rate in self._rates.items():
            if point < rate:
                return fault
            point -= rate
        return None


FAIR = Misfortune("", {})
