"""Azurite, the official Azure Storage emulator, as a child process.

A local run has its blobs and queues in an Azurite process, which ends with the process that started it.
"""

from local.emulator.child import Child, ChildError, Server
from local.emulator.server import Azurite

__all__ = ["Azurite", "Child", "ChildError", "Server"]
