"""Goes through an action list as the Durable extension does, and finds programs that the real host would break.

Enters: the actions of one replay and the history of the execution. Leaves: the tasks the extension would have issued,
with its ids, and whether it got to the end of the list.

The extension does not know which task the orchestrator waits for. It takes the actions one after another and goes on
only when the one before has ended altogether: a task_all when all of its tasks have, failed or not, a task_any with
the first of those it lists. It counts on its own, retry timers and repeated calls included, and the SDK must arrive at
the same numbers.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from devhost.action import Compound, Issued, Kind, Leaf, Node, Role
from devhost.event import FAILURES, Event, EventType, completed_task_id

_Done = Callable[[], None]
_Completed = Callable[[bool], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the extension is in the action list."""

    issued: tuple[Issued, ...]
    is_finished: bool
    blocked_by: Node | None
    waits: tuple[str, ...]


def follow(actions: Sequence[Node], history: Iterable[Event]) -> Progress:
    """Say what the extension would have issued by the end of this history."""
    walk = _Walk(actions)
    walk.begin()
    for event in history:
        walk.apply(event)
    return walk.progress()


def find_parting(recorded: Iterable[Issued], issued: Iterable[Issued]) -> tuple[Issued, Issued] | None:
    """Give the first id that means one task to the SDK and another to the extension: (SDK's, extension's)."""
    by_id = {task.task_id: task for task in issued}
    for task in recorded:
        other = by_id.get(task.task_id)
        if other is not None and (other.leaf.number, other.role) != (task.leaf.number, task.role):
            return task, other
    return None


def explain_parting(sdk_task: Issued, extension_task: Issued) -> str:
    """Say which pattern parts the ids and what to write instead."""
    return (
        f"Non-deterministic on a real host: task {extension_task.task_id} is '{extension_task.text}' to the Durable "
        f"extension and '{sdk_task.text}' to the Python SDK. Pattern: new work is yielded after a task_any, or after a "
        "task_all that failed, while calls with retry in it are still going on; the extension starts an action only "
        "when the one before has ended altogether. Way out: after a failed task_all yield each of its tasks again "
        "before anything new is called, and put no calls with retry into a task_any that is left early; or run "
        "devhost --lenient, which follows the SDK."
    )


def explain_held_back(first: Issued, blocked_by: Node | None) -> str:
    """Say that work the SDK asked for waits, as it would on the real host, for an earlier action to end."""
    earlier = "task_any" if isinstance(blocked_by, Compound) and not blocked_by.waits_for_all else "task_all or call"
    return (
        f"'{first.text}' waits until the {earlier} yielded before it has ended, as on a real host: the Durable "
        "extension starts no action while an earlier one is going on. A window kept full with task_any loses its "
        "concurrency this way; windows of task_all, each drained, do not"
    )


class _Walk:
    """The extension's loop over the action list, one synchronous step per event."""

    def __init__(self, actions: Sequence[Node]) -> None:
        self._actions = actions
        self._position = 0
        self._is_free = True
        self._is_stepping = False
        self._issued: list[Issued] = []
        self._open: dict[int, _Completed] = {}
        self._waits: dict[str, list[tuple[str, _Done]]] = {}
        self._early: dict[str, int] = {}

    def begin(self) -> None:
        self._step()

    def apply(self, event: Event) -> None:
        if event["EventType"] == EventType.EVENT_RAISED:
            self._raise_event(event["Name"].lower())
            return
        task_id = completed_task_id(event)
        completed = None if task_id is None else self._open.pop(task_id, None)
        if completed is not None:
            completed(event["EventType"] not in FAILURES)

    def progress(self) -> Progress:
        return Progress(
            issued=tuple(self._issued),
            is_finished=self._is_free and self._position == len(self._actions),
            blocked_by=None if self._is_free else self._actions[self._position - 1],
            waits=tuple(name for waits in self._waits.values() for name, _ in waits),
        )

    def _go_on(self) -> None:
        self._is_free = True
        if not self._is_stepping:
            self._step()

    def _step(self) -> None:
        self._is_stepping = True
        while self._is_free and self._position < len(self._actions):
            self._is_free = False
            self._position += 1
            self._start(self._actions[self._position - 1], self._go_on)
        self._is_stepping = False

    def _start(self, node: Node, done: _Done) -> None:
        if isinstance(node, Compound):
            self._start_compound(node, done)
        elif node.kind is Kind.EVENT:
            self._wait_for_event(node, done)
        elif node.kind in (Kind.CONTINUE, Kind.UNSUPPORTED):
            done()
        elif node.retry is not None:
            self._attempt(node, 1, done)
        else:
            task_id = self._issue(node, Role.CALL)
            if node.cancelled:
                done()
            else:
                self._open[task_id] = lambda succeeded: done()

    def _start_compound(self, node: Compound, done: _Done) -> None:
        missing = len(node.children) if node.waits_for_all else min(1, len(node.children))
        is_started = False

        def part_done() -> None:
            nonlocal missing
            missing -= 1
            if is_started and missing == 0:
                done()

        for child in node.children:
            self._start(child, part_done)
        # A part that ended at once must not end the whole before the others were started.
        is_started = True
        if missing <= 0:
            done()

    def _attempt(self, leaf: Leaf, attempt: int, done: _Done) -> None:
        assert leaf.retry is not None
        max_attempts = leaf.retry.max_attempts

        def timer_fired(succeeded: bool) -> None:
            if attempt >= max_attempts:
                done()
            else:
                self._attempt(leaf, attempt + 1, done)

        def call_ended(succeeded: bool) -> None:
            if succeeded:
                done()
                return
            timer_id = self._issue(leaf, Role.RETRY_TIMER, is_last_attempt=attempt >= max_attempts)
            self._open[timer_id] = timer_fired

        self._open[self._issue(leaf, Role.CALL if attempt == 1 else Role.RETRY_CALL)] = call_ended

    def _issue(self, leaf: Leaf, role: Role, *, is_last_attempt: bool = False) -> int:
        task_id = len(self._issued)
        self._issued.append(Issued(task_id=task_id, leaf=leaf, role=role, is_last_attempt=is_last_attempt))
        return task_id

    def _wait_for_event(self, leaf: Leaf, done: _Done) -> None:
        key = leaf.name.lower()
        if self._early.get(key, 0):
            self._early[key] -= 1
            done()
        else:
            self._waits.setdefault(key, []).append((leaf.name, done))

    def _raise_event(self, key: str) -> None:
        waits = self._waits.get(key)
        if waits:
            waits.pop()[1]()  # the wait made last is served first
        else:
            self._early[key] = self._early.get(key, 0) + 1
