"""Tells a person what became of an episode.

Enters: the instance as it was and its turn. Leaves: lines on the console; each kind of remark once per instance.
"""

from collections import defaultdict

from devhost.console import Console
from devhost.episode import StoredInstance
from devhost.turn import Turn


class Narrator:
    """The console's view of turns."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._remarked: defaultdict[str, set[str]] = defaultdict(set)

    def tell(self, stored: StoredInstance, turn: Turn) -> None:
        """Say what a turn brought."""
        instance_id, name = turn.instance_id, stored.instance.name
        for remark in turn.remarks:
            if remark.kind not in self._remarked[instance_id]:
                self._remarked[instance_id].add(remark.kind)
                self._console.warning(f"{instance_id} · {remark.text}")
        if stored.instance.status == "Pending":
            self._console.event(instance_id, f"orchestrator {name} started")
        for timer in turn.timers:
            if timer.fire_at > turn.now:
                self._console.event(instance_id, f"timer #{timer.task_id} set for {timer.fire_at:%F %T} UTC")
        if awaited := sorted(set(turn.waits) - set(stored.waits)):
            self._console.event(instance_id, f"waits for event {', '.join(awaited)}")
        if turn.next_generation is not None:
            self._console.event(instance_id, f"orchestrator {name} continues as new")
        if turn.status == "Completed":
            self._console.event(instance_id, f"orchestrator {name} completed")
        if turn.status == "Failed":
            self._console.error(f"{instance_id} · {turn.output_text}", turn.error_traceback)

    def forget(self, instance_id: str) -> None:
        """Begin anew with an instance: its id may be used again."""
        self._remarked.pop(instance_id, None)
