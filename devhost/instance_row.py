"""Instances as rows of the state file.

Enters: a row, or a filter from a query. Leaves: a `StoredInstance`, or the conditions of a WHERE clause.
"""

import json
import sqlite3
from typing import Any

from devhost.episode import Parent, StoredInstance
from devhost.event import read_time, write_time
from devhost.instance import TERMINAL_STATUSES, Instance, InstanceFilter

COLUMNS = (
    "instance_id, execution_id, name, version, status, input_text, custom_status_text, output_text, "
    "created_time, last_updated_time, revision, waits, parent"
)
HAS_ENDED = f"status IN ({', '.join(repr(status) for status in sorted(TERMINAL_STATUSES))})"


def read_instance(row: sqlite3.Row | tuple[Any, ...]) -> StoredInstance:
    """Read a row of `COLUMNS`."""
    instance = Instance(
        instance_id=row[0],
        execution_id=row[1],
        name=row[2],
        version=row[3],
        status=row[4],
        input_text=row[5],
        custom_status_text=row[6],
        output_text=row[7],
        created_time=read_time(row[8]),
        last_updated_time=read_time(row[9]),
    )
    parent = Parent(**json.loads(row[12])) if row[12] else None
    return StoredInstance(instance=instance, revision=row[10], waits=tuple(json.loads(row[11])), parent=parent)


def write_filter(wanted: InstanceFilter) -> tuple[list[str], list[Any]]:
    """Give a filter as conditions and the values of their question marks."""
    conditions: list[str] = []
    values: list[Any] = []
    if wanted.created_from is not None:
        conditions.append("created_time >= ?")
        values.append(write_time(wanted.created_from))
    if wanted.created_to is not None:
        conditions.append("created_time <= ?")
        values.append(write_time(wanted.created_to))
    if wanted.statuses:
        conditions.append(f"status IN ({', '.join('?' * len(wanted.statuses))})")
        values.extend(sorted(wanted.statuses))
    if wanted.prefix:
        conditions.append("substr(instance_id, 1, ?) = ?")
        values.extend((len(wanted.prefix), wanted.prefix))
    return conditions, values
