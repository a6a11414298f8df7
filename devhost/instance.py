"""What the rest of the host knows about one orchestration instance.

Enters: nothing; the store fills these records. Leaves: the records that the HTTP pages and the tests read.
"""

from dataclasses import dataclass
from datetime import datetime

RUNNING_STATUSES = frozenset({"Pending", "Running", "ContinuedAsNew", "Suspended"})
TERMINAL_STATUSES = frozenset({"Completed", "Failed", "Terminated", "Canceled"})

# The numbers are what history events and the durable extension use on the wire.
STATUS_NUMBERS = {
    "Running": 0,
    "Completed": 1,
    "ContinuedAsNew": 2,
    "Failed": 3,
    "Canceled": 4,
    "Terminated": 5,
    "Pending": 6,
    "Suspended": 7,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance as the outside sees it; the texts are raw JSON or, for a failure's output, plain text."""

    instance_id: str
    execution_id: str
    name: str
    version: str | None
    status: str
    input_text: str | None
    custom_status_text: str | None
    output_text: str | None
    created_time: datetime
    last_updated_time: datetime

    @property
    def is_terminal(self) -> bool:
        """Tell whether the instance has ended."""
        return self.status in TERMINAL_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFilter:
    """Which instances a query or a purge is about; an empty filter takes all."""

    created_from: datetime | None = None
    created_to: datetime | None = None
    statuses: frozenset[str] = frozenset()
    prefix: str = ""
