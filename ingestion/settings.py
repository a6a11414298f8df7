"""The app settings, read from the environment once per call of a function and checked as a whole.

In Azure they are the function app's settings; locally they come from `local.settings.json` or the environment.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingestion.account import Account, read_account
from ingestion.chunking import DEFAULT_CHUNK_SIZE
from ingestion.errors import InvalidInput
from ingestion.validation import invalid_input

MAX_CHUNK_SIZE = 50_000
MAX_CHUNKS_PER_BATCH = 100  # history and the numbers in a payload grow with it
MIB = 1024 * 1024
MAX_PACK_BYTES = 49_152  # what is 64 KiB as base64
WEEK_SECONDS = 7 * 24 * 3600
DEFAULT_QUEUE = "sluice-ids"
STORAGE = "AzureWebJobsStorage"
DEFAULT_PATIENCE_SECONDS = 900.0  # with a source that is away
KEEPER = "SLUICE_KEEPER_SECONDS"
# Every so many seconds: a schedule repeats within a minute or an hour, so these are all that come regularly.
KEEPER_SECONDS = (0, *(n for n in range(1, 60) if 60 % n == 0), *(60 * n for n in range(1, 61) if 60 % n == 0))
LONGEST_SECONDS = 3_600  # of one activity; a host lets them run for some minutes
QUEUE_NAME = r"[a-z0-9](-?[a-z0-9])*"  # and that of a container


class Settings(BaseModel):
    """All settings of Sluice; each field's alias is the name of its app setting."""

    model_config = ConfigDict(frozen=True)

    account: Account  # the app setting AzureWebJobsStorage, or what `read_account` finds in its place
    shards: tuple[tuple[Account, str], ...]  # SLUICE_QUEUES, or SLUICE_QUEUE in `account`
    queue: Annotated[str, Field(alias="SLUICE_QUEUE", pattern=f"^{QUEUE_NAME}$", min_length=3, max_length=63)] = (
        DEFAULT_QUEUE
    )
    container: Annotated[
        str, Field(alias="SLUICE_CONTAINER", pattern=f"^{QUEUE_NAME}$", min_length=3, max_length=63)
    ] = "sluice"
    sources: Annotated[Path, Field(alias="SLUICE_SOURCES")] = Path("sources.toml")
    chunk_size: Annotated[int, Field(alias="SLUICE_CHUNK_SIZE", ge=1, le=MAX_CHUNK_SIZE)] = DEFAULT_CHUNK_SIZE
    chunks_per_batch: Annotated[int, Field(alias="SLUICE_CHUNKS_PER_BATCH", ge=1, le=MAX_CHUNKS_PER_BATCH)] = 20
    chunk_bytes: Annotated[int, Field(alias="SLUICE_CHUNK_BYTES", ge=64 * 1024, le=64 * MIB)] = 8 * MIB
    fetch_seconds: Annotated[float, Field(alias="SLUICE_FETCH_SECONDS", gt=0, le=LONGEST_SECONDS)] = 120.0
    source_patience_seconds: Annotated[float, Field(alias="SLUICE_SOURCE_PATIENCE_SECONDS", ge=0, le=WEEK_SECONDS)] = (
        DEFAULT_PATIENCE_SECONDS
    )
    enqueue_seconds: Annotated[float, Field(alias="SLUICE_ENQUEUE_SECONDS", gt=0, le=LONGEST_SECONDS)] = 240.0
    send_concurrency: Annotated[int, Field(alias="SLUICE_SEND_CONCURRENCY", ge=1, le=256)] = 32
    max_messages_per_second: Annotated[float, Field(alias="SLUICE_MAX_MESSAGES_PER_SECOND", ge=0, le=1e6)] = 0.0
    checkpoint_messages: Annotated[int, Field(alias="SLUICE_CHECKPOINT_MESSAGES", ge=1)] = 1_000
    message_format: Annotated[Literal["raw", "envelope", "packed"], Field(alias="SLUICE_MESSAGE_FORMAT")] = "raw"
    pack_messages: Annotated[int, Field(alias="SLUICE_PACK_MESSAGES", ge=1, le=MAX_CHUNK_SIZE)] = 1_000
    pack_bytes: Annotated[int, Field(alias="SLUICE_PACK_BYTES", ge=1_024, le=MAX_PACK_BYTES)] = MAX_PACK_BYTES
    message_encoding: Annotated[Literal["base64", "none"], Field(alias="SLUICE_MESSAGE_ENCODING")] = "base64"
    message_ttl_seconds: Annotated[int, Field(alias="SLUICE_MESSAGE_TTL_SECONDS", ge=-1)] = WEEK_SECONDS
    message_delay_seconds: Annotated[int, Field(alias="SLUICE_MESSAGE_DELAY_SECONDS", ge=0, le=WEEK_SECONDS)] = 0
    ledger_days: Annotated[int, Field(alias="SLUICE_LEDGER_DAYS", ge=0)] = 30  # 0: for ever
    keeper_seconds: Annotated[int, Field(alias=KEEPER, ge=0)] = 60  # 0: off


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Raises InvalidInput, naming the app setting, if one is missing or not what it may be."""
    given: dict[str, Any] = {name: value for name, value in environment.items() if name in _names() and value != ""}
    given["account"] = account = read_account(STORAGE, environment)
    given["shards"] = _shards(environment, account)
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        raise invalid_input(error) from None
    _check_life(settings)
    if settings.keeper_seconds != keeper_seconds(environment):
        allowed = "0, or seconds that divide a minute, or whole minutes that divide an hour, as a number alone"
        raise InvalidInput(KEEPER, f"no schedule comes every {environment[KEEPER]!r} seconds", allowed)
    return settings


def keeper_seconds(environment: Mapping[str, str] = os.environ) -> int:
    """How often the keeper looks, for its schedule, which is made when the app is loaded.

    What it may not be is the default here: an error would leave the host without a single function, and `load_settings`
    names it at every call.
    """
    default = int(Settings.model_fields["keeper_seconds"].default)
    return {str(seconds): seconds for seconds in KEEPER_SECONDS}.get(environment.get(KEEPER, ""), default)


def _shards(environment: Mapping[str, str], default: Account) -> tuple[tuple[Account, str], ...]:
    """The queues to spread messages over: those of SLUICE_QUEUES, else the one of SLUICE_QUEUE."""
    name = "SLUICE_QUEUES" if environment.get("SLUICE_QUEUES") else "SLUICE_QUEUE"
    entries = [entry.strip() for entry in (environment.get(name) or DEFAULT_QUEUE).split(",")]
    if twice := sorted(entry for entry in set(entries) if entries.count(entry) > 1):
        raise InvalidInput(name, f"{twice[0]!r} is there more than once", "each queue once")
    return tuple(_shard(name, entry, default, environment) for entry in entries)


def _shard(name: str, entry: str, default: Account, environment: Mapping[str, str]) -> tuple[Account, str]:
    """One entry of SLUICE_QUEUES: `queue`, or `SETTING_NAME/queue` for a queue in another account."""
    setting, slash, queue = entry.rpartition("/")
    if not 3 <= len(queue) <= 63 or not re.fullmatch(QUEUE_NAME, queue):
        allowed = "queue or SETTING_NAME/queue, separated by commas; 3 to 63 lower-case letters, digits, single hyphens"
        raise InvalidInput(name, f"{entry!r} is not the name of a queue", allowed)
    return (read_account(setting, environment) if slash else default), queue


def _check_life(settings: Settings) -> None:
    """Raise InvalidInput for a message that would be gone before it can be seen: the queue refuses such a put."""
    life, hidden = settings.message_ttl_seconds, settings.message_delay_seconds
    if life == 0:
        raise InvalidInput("SLUICE_MESSAGE_TTL_SECONDS", "0 lets no message live", "1 or more, or -1 for ever")
    if 0 < life <= hidden:
        allowed = f"less than SLUICE_MESSAGE_TTL_SECONDS, which is {life}"
        raise InvalidInput("SLUICE_MESSAGE_DELAY_SECONDS", f"{hidden} outlasts the message", allowed)


def _names() -> set[str]:
    return {field.alias or name for name, field in Settings.model_fields.items()}
