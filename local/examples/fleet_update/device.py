"""A device that may not answer: here a make-believe one.

The app setting OFFLINE says how often which device does not answer, as in `van-2=1,van-3=9`.
"""

import os
from collections import Counter

_asked: Counter[str] = Counter()


class DeviceOffline(Exception):
    """The device does not answer; it may later."""


def install_on(name: str) -> None:
    """Switch a device to the version that it has downloaded; raise DeviceOffline if it does not answer."""
    _asked[name] += 1
    pairs = (entry.partition("=") for entry in os.environ.get("OFFLINE", "").split(",") if entry)
    silent = {each: int(times) for each, _, times in pairs}
    if _asked[name] <= silent.get(name, 0):
        raise DeviceOffline(f"{name} does not answer")
