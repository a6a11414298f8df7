"""A device that may not answer: here a make-believe one.

The app setting OFFLINE says how often which device does not answer an `install`, as in `van-2=1,van-3=9`.
"""

import os
from collections import Counter

_asked: Counter[str] = Counter()


class DeviceOffline(Exception):
    """The device does not answer; it may later."""


class Device:
    """One device of the fleet, by name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def download(self, version: str) -> None:
        """Bring a version onto the device."""

    def install(self, version: str) -> None:
        """Switch to a version that was downloaded before; DeviceOffline if the device does not answer."""
        _asked[self._name] += 1
        pairs = (entry.partition("=") for entry in os.environ.get("OFFLINE", "").split(",") if entry)
        silent = {name: int(times) for name, _, times in pairs}
        if _asked[self._name] <= silent.get(self._name, 0):
            raise DeviceOffline(f"{self._name} does not answer")
