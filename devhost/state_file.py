"""Opens the state file: one SQLite file that one devhost at a time may have.

Enters: a path. Leaves: a connection with the schema in place, or a StateFileError that says what to do.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devhost.errors import StateFileError

SCHEMA_VERSION = 1
_SCHEMA = Path(__file__).with_name("schema.sql")


def open_state_file(path: Path) -> sqlite3.Connection:
    """Open or create the file and keep others out until it is closed or this process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The task hub is used from one thread at a time, but the thread of its event loop may not be the one that made it.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        # Safe against kill -9; a power cut may cost the last moments, which a stand-in can afford.
        connection.execute("PRAGMA synchronous = NORMAL")
        with transaction(connection):
            _prepare_schema(connection, path)
    except sqlite3.OperationalError as error:
        connection.close()
        if "locked" in str(error):
            raise StateFileError(f"state file {path} is in use by another devhost; stop it or use --state") from error
        raise StateFileError(f"state file {path} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StateFileError(f"state file {path} is not a devhost state file: {error}") from error
    except StateFileError:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all of the block's writes or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _prepare_schema(connection: sqlite3.Connection, path: Path) -> None:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found == SCHEMA_VERSION:
        return
    has_tables = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
    if found or has_tables:
        what = f"has schema {found}" if found else "was not written by devhost"
        raise StateFileError(
            f"state file {path} {what}, this devhost reads schema {SCHEMA_VERSION}; delete it or use --state"
        )
    for statement in _SCHEMA.read_text(encoding="utf-8").split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
