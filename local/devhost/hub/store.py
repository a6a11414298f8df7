"""Store the state of the task hub; each change is one transaction."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from datetime import datetime
from pathlib import Path

from local.devhost.errors import StateFileError
from local.devhost.hub.state_file import open_state_file
from local.devhost.orchestration.episode import Activity, Message, Timer, Turn
from local.devhost.orchestration.event import Event, read_time, write_time
from local.devhost.orchestration.instance import Instance, Parent, end_event, start_event

_WORK = ("inbox", "activities", "timers")
_COLUMNS = [field.name for field in fields(Instance)]
_SAVE = f"REPLACE INTO instances ({', '.join(_COLUMNS)}) VALUES (:{', :'.join(_COLUMNS)})"


class Store:
    """Reads and writes the state file. A change that cannot be written raises StateFileError and is rolled back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = open_state_file(path)
        self._connection.row_factory = sqlite3.Row

    def close(self) -> None:
        """Close the file and release its lock."""
        self._connection.close()

    def load(self, instance_id: str) -> Instance | None:
        """Return one instance."""
        row = self._rows("SELECT * FROM instances WHERE instance_id = ?", instance_id).fetchone()
        return _read_instance(row) if row else None

    def find(self, prefix: str, *, top: int, first: str) -> list[Instance]:
        """Return up to `top` instances whose ids have this prefix, in the order of the ids, from the id `first` on."""
        rows = self._connection.execute(
            "SELECT * FROM instances WHERE substr(instance_id, 1, length(:prefix)) = :prefix "
            "AND instance_id >= :first ORDER BY instance_id LIMIT :top",
            {"prefix": prefix, "first": first, "top": top},
        )
        return [_read_instance(row) for row in rows]

    def history(self, instance_id: str) -> list[Event]:
        """Return the events of the current execution, oldest first."""
        rows = self._rows("SELECT event FROM history WHERE instance_id = ? ORDER BY position", instance_id)
        return [json.loads(text) for (text,) in rows]

    def inbox(self, instance_id: str) -> list[Message]:
        """Return the messages that an instance has not processed, oldest first."""
        rows = self._rows(
            "SELECT number, execution_id, event FROM inbox WHERE instance_id = ? ORDER BY number", instance_id
        )
        return [Message(number, execution_id, json.loads(text)) for number, execution_id, text in rows]

    def instances_with_mail(self) -> list[str]:
        """Return the ids of the instances whose inbox is not empty."""
        return [instance_id for (instance_id,) in self._rows("SELECT DISTINCT instance_id FROM inbox")]

    def activities(self) -> list[Activity]:
        """Return all activities that have not ended."""
        rows = self._rows("SELECT * FROM activities ORDER BY instance_id, execution_id, task_id")
        return [Activity(*row) for row in rows]

    def next_timer(self) -> datetime | None:
        """Return when the next durable timer is due; None if there is none."""
        (fire_at,) = self._rows("SELECT min(fire_at) FROM timers").fetchone()
        return read_time(fire_at) if fire_at else None

    def due_timers(self, now: datetime) -> list[Timer]:
        """Return the due durable timers, by time."""
        rows = self._rows(
            "SELECT * FROM timers WHERE fire_at <= ? ORDER BY fire_at, instance_id, task_id", write_time(now)
        )
        return [Timer(*row) for row in rows]

    def start(self, instance: Instance) -> None:
        """Add a new instance; it replaces an instance of the same id."""
        with self._transaction():
            self._start(instance)

    def post(self, instance_id: str, event: Event) -> None:
        """Add an event to an inbox; any execution of the instance may take it."""
        with self._transaction():
            self._post(instance_id, None, event)

    def end_tasks(self, table: str, ended: Iterable[tuple[Activity | Timer, Event]]) -> list[str]:
        """Replace ended activities or timers by messages to the instances that wait for them; return their ids."""
        with_mail: dict[str, None] = {}
        with self._transaction():
            for task, event in ended:
                deleted = self._connection.execute(
                    f"DELETE FROM {table} WHERE instance_id = ? AND execution_id = ? AND task_id = ?", task[:3]
                )
                if deleted.rowcount:
                    self._post(task.instance_id, task.execution_id, event)
                    with_mail[task.instance_id] = None
        return list(with_mail)

    def commit(self, turn: Turn) -> bool:
        """Write a whole turn; return False if the instance has changed since the turn was decided."""
        before, after = turn.before, turn.after
        if self.load(before.instance_id) != before:
            return False
        write_many = self._connection.executemany
        with self._transaction():
            write_many("DELETE FROM inbox WHERE number = ?", [(number,) for number in turn.consumed])
            write_many("INSERT INTO activities VALUES (?, ?, ?, ?, ?)", turn.activities)
            write_many("INSERT INTO timers VALUES (?, ?, ?, ?)", turn.timers)
            write_many(
                "DELETE FROM timers WHERE instance_id = ? AND execution_id = ? AND task_id = ?",
                [(before.instance_id, before.execution_id, task_id) for task_id in turn.cancelled_timers],
            )
            for child in turn.children:
                self._start_child(child)
            if turn.continues_as_new:
                self._forget(after.instance_id, "history")
                self._begin(after)
            else:
                self._append_history(after.instance_id, turn.events)
                self._save(after)
        return True

    def purge(self, instance_id: str) -> None:
        """Delete an instance and everything about it."""
        with self._transaction():
            self._forget(instance_id, "instances", "history", *_WORK)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._connection:
                yield
        except sqlite3.OperationalError as error:
            raise StateFileError(f"state file {self._path} cannot be used: {error}") from error

    def _rows(self, query: str, *values: str) -> sqlite3.Cursor:
        return self._connection.execute(query, values)

    def _start(self, instance: Instance) -> None:
        self._forget(instance.instance_id, "history", *_WORK)
        self._begin(instance)

    def _begin(self, instance: Instance) -> None:
        self._save(instance)
        self._post(instance.instance_id, instance.execution_id, start_event(instance))

    def _start_child(self, child: Instance) -> None:
        there = self.load(child.instance_id)
        if there is None or there.is_terminal:
            self._start(child)
        else:
            refusal = f"An Orchestration instance with the id '{child.instance_id}' is running already."
            self._notify_parent(replace(child, status="Failed", output_text=refusal))

    def _save(self, instance: Instance) -> None:
        values = asdict(instance) | {
            "created_time": write_time(instance.created_time),
            "last_updated_time": write_time(instance.last_updated_time),
            "waits": json.dumps(instance.waits),
            "parent": json.dumps(asdict(instance.parent)) if instance.parent else None,
        }
        self._connection.execute(_SAVE, values)
        if instance.is_terminal:
            self._forget(instance.instance_id, *_WORK)
            self._notify_parent(instance)

    def _notify_parent(self, child: Instance) -> None:
        parent = child.parent
        there = self.load(parent.instance_id) if parent else None
        # Do not notify a parent that has ended or restarted: its inbox would keep the message for ever.
        if parent and there and there.execution_id == parent.execution_id and not there.is_terminal:
            self._post(parent.instance_id, parent.execution_id, end_event(child, parent))

    def _append_history(self, instance_id: str, events: Sequence[Event]) -> None:
        (length,) = self._rows(
            "SELECT coalesce(max(position) + 1, 0) FROM history WHERE instance_id = ?", instance_id
        ).fetchone()
        self._connection.executemany(
            "INSERT INTO history VALUES (?, ?, ?)",
            [(instance_id, position, json.dumps(event)) for position, event in enumerate(events, length)],
        )

    def _post(self, instance_id: str, execution_id: str | None, event: Event) -> None:
        self._connection.execute(
            "INSERT INTO inbox (instance_id, execution_id, event) VALUES (?, ?, ?)",
            (instance_id, execution_id, json.dumps(event)),
        )

    def _forget(self, instance_id: str, *tables: str) -> None:
        for table in tables:
            self._connection.execute(f"DELETE FROM {table} WHERE instance_id = ?", (instance_id,))


def _read_instance(row: sqlite3.Row) -> Instance:
    values = dict(row) | {
        "created_time": read_time(row["created_time"]),
        "last_updated_time": read_time(row["last_updated_time"]),
        "waits": tuple(json.loads(row["waits"])),
        "parent": Parent(**json.loads(row["parent"])) if row["parent"] else None,
    }
    return Instance(**values)
