"""Open the state file: a SQLite file that only one devhost may use at a time."""

import sqlite3
from pathlib import Path

from local.devhost.errors import StateFileError, explained

SCHEMA_VERSION = 3
_SCHEMA = Path(__file__).with_name("schema.sql")


def open_state_file(path: Path) -> sqlite3.Connection:
    """Open or create the file, and lock it until it is closed or this process ends."""
    with explained(f"cannot create the folder of the state file {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = None
    try:
        # One thread at a time uses the task hub, but the thread of the event loop may not have created it.
        connection = sqlite3.connect(path, check_same_thread=False, timeout=0)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        # Safe against kill -9; a power cut may lose the last moments, which is acceptable here.
        connection.execute("PRAGMA synchronous = NORMAL")
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            _prepare_schema(connection)
    except (sqlite3.DatabaseError, StateFileError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, StateFileError):
            what = str(error)
        elif not isinstance(error, sqlite3.OperationalError):
            what = f"is not a devhost state file: {error}"
        elif "locked" in str(error):
            what = "is in use by another devhost; stop that devhost, or name another file with --state"
        else:
            what = f"cannot be used: {error}"
        raise StateFileError(f"state file {path} {what}") from error
    return connection


def _prepare_schema(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found == SCHEMA_VERSION:
        return
    has_tables = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
    if found or has_tables:
        what = f"has schema {found}" if found else "was not written by devhost"
        raise StateFileError(
            f"{what}, but this devhost reads schema {SCHEMA_VERSION}; delete the file, or name another one with --state"
        )
    for statement in _SCHEMA.read_text(encoding="utf-8").split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
