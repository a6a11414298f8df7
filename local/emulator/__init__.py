"""Azurite, the official Azure Storage emulator, started and stopped by the project itself.

The way of an id ends here when nothing is deployed: blobs and queues of a local run live in an Azurite process
that belongs to whoever started it and goes away with it.
"""

from local.emulator.child import Child, ChildError, Server
from local.emulator.server import Azurite

__all__ = ["Azurite", "Child", "ChildError", "Server"]
