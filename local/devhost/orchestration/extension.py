"""Process an action list as the Durable extension does.

The extension does not know which task the orchestrator waits for. It processes the actions one after another, and
starts an action only when the previous action has ended. A task_all ends when all of its tasks have ended, failed or
not; a task_any ends with the first of its tasks. The extension numbers the tasks itself, including retry timers and
repeated calls, and the SDK has to compute the same numbers.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from azure.durable_functions.models.actions.ActionType import ActionType

from local.devhost.orchestration.action import COMPOUNDS, Issued, Role
from local.devhost.orchestration.event import FAILURES, Event, EventType, completed_task_id

_Done = Callable[[], None]


class Walk:
    """The extension's position in an action list: the tasks that it has issued, and what it waits for.

    `early` counts, by lower-case name, the events that no wait has taken.
    """

    def __init__(self, actions: Sequence[Any]) -> None:
        self.issued: list[Issued] = []
        self._actions = actions
        self._position = 0
        self._is_free = True
        self._open: dict[int | None, Callable[[bool], None]] = {}
        self._waits: defaultdict[str, list[tuple[str, _Done]]] = defaultdict(list)
        self.early: Counter[str] = Counter()

    @property
    def is_finished(self) -> bool:
        return self._is_free and self._position == len(self._actions)

    @property
    def blocked_by(self) -> Any:
        return None if self._is_free else self._actions[self._position - 1]

    @property
    def waits(self) -> tuple[str, ...]:
        return tuple(name for waits in self._waits.values() for name, _ in waits)

    def apply(self, event: Event) -> None:
        """Apply one event."""
        if event["EventType"] == EventType.EVENT_RAISED:
            self._raise_event(event["Name"].lower())
        else:
            ended = self._open.pop(completed_task_id(event), None)
            if ended is None:
                return
            ended(event["EventType"] not in FAILURES)
        self.go_on()

    def go_on(self) -> None:
        """Start actions until one of them has not ended."""
        while self._is_free and self._position < len(self._actions):
            self._is_free = False
            self._position += 1
            self._start(self._actions[self._position - 1], self._set_free)

    def _set_free(self) -> None:
        self._is_free = True

    def _start(self, action: Any, done: _Done) -> None:
        kind = action.action_type
        if kind in COMPOUNDS:
            self._start_compound(action.compound_tasks, kind == ActionType.WHEN_ALL, done)
        elif kind == ActionType.WAIT_FOR_EXTERNAL_EVENT:
            self._wait_for_event(action.external_event_name, done)
        elif kind == ActionType.CONTINUE_AS_NEW:
            done()
        elif kind == ActionType.CREATE_TIMER and action.is_cancelled:
            self._issue(action, Role.CALL, lambda succeeded: None)
            done()
        else:
            self._attempt(action, 1, done)

    def _start_compound(self, parts: Sequence[Any], waits_for_all: bool, done: _Done) -> None:
        missing = len(parts) if waits_for_all else min(1, len(parts))
        is_started = False

        def part_done() -> None:
            nonlocal missing
            missing -= 1
            if is_started and missing == 0:
                done()

        for part in parts:
            self._start(part, part_done)
        # A task that ends at once must not end the compound before the other tasks have started.
        is_started = True
        if missing <= 0:
            done()

    def _attempt(self, action: Any, attempt: int, done: _Done) -> None:
        def call_ended(succeeded: bool) -> None:
            retry = getattr(action, "retry_options", None)
            if succeeded or retry is None:
                done()
                return
            # After the last attempt there is one more timer, due at once.
            is_last = attempt >= retry.max_number_of_attempts
            then: _Done = done if is_last else partial(self._attempt, action, attempt + 1, done)
            self._issue(action, Role.RETRY_TIMER, lambda fired: then(), is_last)

        self._issue(action, Role.CALL if attempt == 1 else Role.RETRY_CALL, call_ended)

    def _issue(self, action: Any, role: Role, ended: Callable[[bool], None], is_last: bool = False) -> None:
        task_id = len(self.issued)
        self.issued.append(Issued(task_id=task_id, action=action, role=role, is_last_attempt=is_last))
        self._open[task_id] = ended

    def _wait_for_event(self, name: str, done: _Done) -> None:
        key = name.lower()
        if self.early[key]:
            self.early[key] -= 1
            done()
        else:
            self._waits[key].append((name, done))

    def _raise_event(self, key: str) -> None:
        if self._waits[key]:
            _, done = self._waits[key].pop()  # the last wait gets the event first
            done()
        else:
            self.early[key] += 1


def follow(actions: Sequence[Any], history: Iterable[Event]) -> Walk:
    """Return the extension's position at the end of this history."""
    walk = Walk(actions)
    walk.go_on()
    for event in history:
        walk.apply(event)
    return walk
