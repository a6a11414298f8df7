"""The table `messages` of a source: where and how to send its messages, if not as the app settings say."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from ingestion.errors import InvalidInput
from ingestion.settings import DELAY, FOR_EVER, Encoding, Format, Settings, check_queues, read_shards
from ingestion.validation import Table, not_allowed


def _is_queue(entry: str) -> str:
    _check(entry)
    return entry


def _check(*entries: str, field: str = "") -> None:
    try:
        check_queues(field, entries)
    except InvalidInput as error:
        raise not_allowed(error.problem, error.allowed, field) from None


Queue = Annotated[str, AfterValidator(_is_queue)]  # `queue`, or `SETTING_NAME/queue` for one in another account


class Messages(Table):
    """The queues, format, encoding and lifetime of a source's messages. An app setting replaces each missing key."""

    queue: Queue | None = None
    queues: Annotated[tuple[Queue, ...] | None, Field(min_length=1)] = None
    format: Format | None = None
    encoding: Encoding | None = None
    time_to_live: int | None = None  # in seconds

    @property
    def entries(self) -> tuple[str, ...]:
        """The queues of the source; empty if the app settings name them."""
        return self.queues or ((self.queue,) if self.queue else ())

    @property
    def accounts(self) -> set[str]:
        """The app settings that name the accounts of these queues, without the app's own account."""
        return {setting for setting, slash, _ in (entry.rpartition("/") for entry in self.entries) if slash}

    @field_validator("time_to_live")
    @classmethod
    def _outlives_its_delay(cls, life: int, info: ValidationInfo) -> int:
        given = (info.context or {}).get(DELAY, "")
        hidden = int(given) if given.isdecimal() else 0  # the check of the app settings reports anything else
        if life != FOR_EVER and life <= hidden:
            allowed = f"more than {DELAY}, which is {hidden}, or -1 for ever"
            raise not_allowed("a message would expire before it is seen", allowed)
        return life

    @model_validator(mode="after")
    def _names_each_queue_once(self) -> Self:
        if self.queue and self.queues:
            raise not_allowed("queue is set too", "either queue or queues", "queues")
        _check(*self.entries, field="queues")
        return self

    def over(self, settings: Settings, environment: Mapping[str, str]) -> Settings:
        """Return the app's settings, changed by the keys of this table. Raise InvalidInput for a missing account."""
        own = {
            "message_format": self.format,
            "message_encoding": self.encoding,
            "message_ttl_seconds": self.time_to_live,
            "shards": read_shards(self.entries, environment, settings.account) or None,
        }
        return settings.model_copy(update={name: value for name, value in own.items() if value is not None})
