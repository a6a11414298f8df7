"""Keeps what the task hub must not forget.

Enters: turns, starts, completions, lifecycle changes; each is one transaction. Leaves: instances, histories, inboxes,
and at a start the work that was in flight.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from devhost.episode import Message, Parent, StoredInstance
from devhost.event import Event, EventType, make_event, read_time, write_time
from devhost.instance import TERMINAL_STATUSES, Instance, InstanceFilter
from devhost.instance_row import COLUMNS, HAS_ENDED, read_instance, write_filter
from devhost.rewind import Rewound
from devhost.state_file import open_state_file, transaction
from devhost.turn import NewInstance, ScheduledActivity, ScheduledTimer, Turn, start_event, tell_parent

_TABLES = ("instances", "history", "inbox", "activities", "timers")


class Store:
    """The state file behind plain methods."""

    def __init__(self, path: Path) -> None:
        self._connection = open_state_file(path)

    def close(self) -> None:
        """Close the file and let others have it."""
        self._connection.close()

    def load(self, instance_id: str) -> StoredInstance | None:
        """Give one instance."""
        row = self._connection.execute(
            f"SELECT {COLUMNS} FROM instances WHERE instance_id = ?", (instance_id,)
        ).fetchone()
        return None if row is None else read_instance(row)

    def find(self, wanted: InstanceFilter, *, top: int, after: str | None) -> list[Instance]:
        """Give the instances that a filter takes, in the order of their ids, at most `top` after `after`."""
        conditions, values = write_filter(wanted)
        if after is not None:
            conditions.append("instance_id > ?")
            values.append(after)
        where = " AND ".join(conditions) or "1"
        rows = self._connection.execute(
            f"SELECT {COLUMNS} FROM instances WHERE {where} ORDER BY instance_id LIMIT ?", (*values, top)
        )
        return [read_instance(row).instance for row in rows]

    def history(self, instance_id: str) -> list[Event]:
        """Give the events of the current execution, oldest first."""
        rows = self._connection.execute(
            "SELECT event FROM history WHERE instance_id = ? ORDER BY position", (instance_id,)
        )
        return [json.loads(text) for (text,) in rows]

    def inbox(self, instance_id: str) -> list[Message]:
        """Give what the instance has not been told yet, oldest first."""
        rows = self._connection.execute(
            "SELECT number, execution_id, event FROM inbox WHERE instance_id = ? ORDER BY number", (instance_id,)
        )
        return [Message(number=number, execution_id=to, event=json.loads(text)) for number, to, text in rows]

    def instances_with_mail(self) -> list[str]:
        """Give the ids of all instances whose inbox is not empty."""
        return [row[0] for row in self._connection.execute("SELECT DISTINCT instance_id FROM inbox")]

    def activities(self) -> list[ScheduledActivity]:
        """Give all activities that have not ended."""
        rows = self._connection.execute(
            "SELECT instance_id, execution_id, task_id, name, input_text FROM activities "
            "ORDER BY instance_id, execution_id, task_id"
        )
        return [
            ScheduledActivity(instance_id=row[0], execution_id=row[1], task_id=row[2], name=row[3], input_text=row[4])
            for row in rows
        ]

    def next_timer(self) -> datetime | None:
        """Give the moment the next durable timer is due."""
        row = self._connection.execute("SELECT MIN(fire_at) FROM timers").fetchone()
        return read_time(row[0]) if row[0] else None

    def due_timers(self, now: datetime) -> list[ScheduledTimer]:
        """Give the durable timers that are due, in the order of their times."""
        rows = self._connection.execute(
            "SELECT instance_id, execution_id, task_id, fire_at FROM timers WHERE fire_at <= ? "
            "ORDER BY fire_at, instance_id, task_id",
            (write_time(now),),
        )
        return [
            ScheduledTimer(instance_id=row[0], execution_id=row[1], task_id=row[2], fire_at=read_time(row[3]))
            for row in rows
        ]

    def start(self, new: NewInstance, now: datetime) -> None:
        """Put a new instance in the place of whatever has its id."""
        with transaction(self._connection):
            self._delete(new.instance_id)
            self._insert_instance(new, now)

    def post(self, instance_id: str, event: Event) -> None:
        """Put an event that any execution may take into an inbox."""
        with transaction(self._connection):
            self._insert_message(instance_id, None, event)

    def end_tasks(self, table: str, ended: Iterable[tuple[ScheduledActivity | ScheduledTimer, Event]]) -> list[str]:
        """Turn activities or timers that have ended into mail; what nobody waits for any more is dropped.

        Gives the ids of the instances that have new mail.
        """
        told: dict[str, None] = {}
        with transaction(self._connection):
            for task, event in ended:
                deleted = self._connection.execute(
                    f"DELETE FROM {table} WHERE instance_id = ? AND execution_id = ? AND task_id = ?",
                    (task.instance_id, task.execution_id, task.task_id),
                )
                if deleted.rowcount:
                    self._insert_message(task.instance_id, task.execution_id, event)
                    told[task.instance_id] = None
        return list(told)

    def change_status(
        self,
        stored: StoredInstance,
        status: str,
        event: Event,
        now: datetime,
        *,
        output_text: str | None = None,
        parent_event: Event | None = None,
    ) -> None:
        """Write a change that comes from outside: suspended, resumed, terminated."""
        instance_id, parent = stored.instance.instance_id, stored.parent
        with transaction(self._connection):
            self._append_history(instance_id, [event])
            self._connection.execute(
                "UPDATE instances SET status = ?, output_text = ?, last_updated_time = ?, revision = revision + 1 "
                "WHERE instance_id = ?",
                (status, output_text, write_time(now), instance_id),
            )
            if status in TERMINAL_STATUSES:
                self._drop_work(instance_id)
            if parent is not None and parent_event is not None:
                self._tell_parent(parent, parent_event)

    def commit(self, turn: Turn) -> bool:
        """Write a whole turn, unless the instance has changed since the turn was decided; say which."""
        with transaction(self._connection):
            if not self._update_instance(turn):
                return False
            execute_many = self._connection.executemany
            execute_many("DELETE FROM inbox WHERE number = ?", [(number,) for number in turn.consumed])
            execute_many(
                "INSERT INTO activities VALUES (?, ?, ?, ?, ?)",
                [(a.instance_id, a.execution_id, a.task_id, a.name, a.input_text) for a in turn.activities],
            )
            execute_many(
                "INSERT INTO timers VALUES (?, ?, ?, ?)",
                [(t.instance_id, t.execution_id, t.task_id, write_time(t.fire_at)) for t in turn.timers],
            )
            execute_many(
                "DELETE FROM timers WHERE instance_id = ? AND execution_id = ? AND task_id = ?",
                [(turn.instance_id, turn.execution_id, task_id) for task_id in turn.cancelled_timers],
            )
            self._append_history(turn.instance_id, turn.events)
            for child in turn.children:
                self._start_child(child, turn.now)
            if turn.parent is not None and turn.parent_event is not None:
                self._tell_parent(turn.parent, turn.parent_event)
            if turn.next_generation is not None:
                self._begin_generation(turn.next_generation, turn.now)
            elif turn.is_terminal:
                self._drop_work(turn.instance_id)
        return True

    def rewind(self, planned: Iterable[Rewound], reason: str | None, now: datetime) -> None:
        """Give failed instances the histories they go on with, and wake them."""
        with transaction(self._connection):
            for rewound in planned:
                instance_id = rewound.instance_id
                self._connection.execute("DELETE FROM history WHERE instance_id = ?", (instance_id,))
                self._append_history(instance_id, rewound.history)
                self._connection.execute(
                    "UPDATE instances SET status = 'Running', output_text = NULL, parent = ?, last_updated_time = ?, "
                    "revision = revision + 1 WHERE instance_id = ?",
                    (_write_parent(rewound.parent), write_time(now), instance_id),
                )
                self._insert_message(instance_id, None, make_event(EventType.GENERIC, now, Data=reason))

    def purge(self, instance_id: str) -> None:
        """Forget an instance altogether."""
        with transaction(self._connection):
            self._delete(instance_id)

    def purge_ended(self, wanted: InstanceFilter) -> int:
        """Forget all instances that a filter takes and that have ended; give their number."""
        conditions, values = write_filter(wanted)
        where = " AND ".join([*conditions, HAS_ENDED])
        with transaction(self._connection):
            rows = self._connection.execute(f"SELECT instance_id FROM instances WHERE {where}", values).fetchall()
            for (instance_id,) in rows:
                self._delete(instance_id)
        return len(rows)

    def _update_instance(self, turn: Turn) -> bool:
        updated = self._connection.execute(
            "UPDATE instances SET status = ?, output_text = ?, waits = ?, last_updated_time = ?, "
            "custom_status_text = coalesce(?, custom_status_text), revision = revision + 1 "
            "WHERE instance_id = ? AND execution_id = ? AND revision = ?",
            (
                turn.status,
                turn.output_text,
                json.dumps(turn.waits),
                write_time(turn.now),
                turn.custom_status_text,
                turn.instance_id,
                turn.execution_id,
                turn.revision,
            ),
        )
        return bool(updated.rowcount)

    def _insert_instance(self, new: NewInstance, now: datetime) -> None:
        self._connection.execute(
            f"INSERT INTO instances ({COLUMNS}) VALUES (?, ?, ?, ?, 'Pending', ?, NULL, NULL, ?, ?, 0, '[]', ?)",
            (
                new.instance_id,
                new.execution_id,
                new.name,
                new.version,
                new.input_text,
                write_time(now),
                write_time(now),
                _write_parent(new.parent),
            ),
        )
        self._insert_message(new.instance_id, new.execution_id, start_event(new, now))

    def _begin_generation(self, new: NewInstance, now: datetime) -> None:
        self._connection.execute("DELETE FROM history WHERE instance_id = ?", (new.instance_id,))
        self._connection.execute(
            "UPDATE instances SET execution_id = ?, input_text = ?, created_time = ? WHERE instance_id = ?",
            (new.execution_id, new.input_text, write_time(now), new.instance_id),
        )
        self._insert_message(new.instance_id, new.execution_id, start_event(new, now))

    def _start_child(self, child: NewInstance, now: datetime) -> None:
        there = self.load(child.instance_id)
        if there is None or there.instance.is_terminal:
            self._delete(child.instance_id)
            self._insert_instance(child, now)
            return
        assert child.parent is not None
        refusal = f"An Orchestration instance with the id '{child.instance_id}' is running already."
        self._tell_parent(child.parent, tell_parent(child.parent, now, "Failed", refusal))

    def _tell_parent(self, parent: Parent, event: Event) -> None:
        # A parent that has ended, or begun anew, hears nothing; its inbox would keep the message for ever.
        waiting = self._connection.execute(
            f"SELECT 1 FROM instances WHERE instance_id = ? AND execution_id = ? AND NOT {HAS_ENDED}",
            (parent.instance_id, parent.execution_id),
        ).fetchone()
        if waiting is not None:
            self._insert_message(parent.instance_id, parent.execution_id, event)

    def _append_history(self, instance_id: str, events: Sequence[Event]) -> None:
        row = self._connection.execute(
            "SELECT coalesce(max(position), -1) FROM history WHERE instance_id = ?", (instance_id,)
        ).fetchone()
        self._connection.executemany(
            "INSERT INTO history VALUES (?, ?, ?)",
            [(instance_id, row[0] + 1 + offset, json.dumps(event)) for offset, event in enumerate(events)],
        )

    def _insert_message(self, instance_id: str, execution_id: str | None, event: Event) -> None:
        self._connection.execute(
            "INSERT INTO inbox (instance_id, execution_id, event) VALUES (?, ?, ?)",
            (instance_id, execution_id, json.dumps(event)),
        )

    def _drop_work(self, instance_id: str) -> None:
        for table in ("inbox", "activities", "timers"):
            self._connection.execute(f"DELETE FROM {table} WHERE instance_id = ?", (instance_id,))

    def _delete(self, instance_id: str) -> None:
        for table in _TABLES:
            self._connection.execute(f"DELETE FROM {table} WHERE instance_id = ?", (instance_id,))


def _write_parent(parent: Parent | None) -> str | None:
    return None if parent is None else json.dumps(asdict(parent))
