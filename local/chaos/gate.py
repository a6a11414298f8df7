"""Open or closed for all proxies that share it; closing ends every connection of the app at once."""

import asyncio


class Gate:
    """Belongs to the proxies' event loop."""

    def __init__(self) -> None:
        self.is_open = True
        self._connections: set[asyncio.StreamWriter] = set()

    def close(self) -> None:
        """End all connections without a word, and take no new ones."""
        self.is_open = False
        for connection in self._connections:
            connection.transport.abort()

    def open(self) -> None:
        """Let requests pass again."""
        self.is_open = True

    def enter(self, connection: asyncio.StreamWriter) -> None:
        """A connection begins."""
        self._connections.add(connection)

    def leave(self, connection: asyncio.StreamWriter) -> None:
        """A connection has ended."""
        self._connections.discard(connection)
