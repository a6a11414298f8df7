"""The keys of a source's table that say when the app starts the source automatically."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from ingestion.schedule import Schedule, checked_schedule, checked_zone
from ingestion.validation import Table, not_allowed


def _schedule(text: str) -> str:
    try:
        return checked_schedule(text)
    except ValueError as error:
        allowed = 'second (0), minute, hour, day, month, day of the week, such as "0 0 2 * * *" for 02:00 every night'
        raise not_allowed(str(error), allowed) from None


def _zone(name: str) -> str:
    try:
        return checked_zone(name)
    except ValueError as error:
        raise not_allowed(str(error), 'a name of the tz database, such as "Europe/Berlin"') from None


class Scheduled(Table):
    """The schedule of a source; `Source` has the other keys of its table."""

    schedule: Annotated[str, AfterValidator(_schedule)] | None = None
    time_zone: Annotated[str, AfterValidator(_zone)] = "UTC"
    if_running: Literal["skip", "queue"] = "skip"  # what to do at a due time while a run of the source is open
    if_missed: Literal["run", "skip"] = "run"  # what to do with a due time that is five minutes old

    @model_validator(mode="after")
    def _has_a_schedule(self) -> Self:
        for key in ("time_zone", "if_running", "if_missed"):
            if self.schedule is None and key in self.model_fields_set:
                raise not_allowed("of no use without schedule", "together with schedule", key)
        return self

    @property
    def due_times(self) -> Schedule | None:
        """Return the schedule that computes the due times; None without a schedule."""
        return None if self.schedule is None else Schedule(self.schedule, self.time_zone)
