"""The app settings. Each call of a function reads them from the environment and checks all of them.

In Azure they are the function app's settings; locally they come from `local.settings.json` or the environment.
"""

import os
import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ingestion.chunking import DEFAULT_CHUNK_SIZE
from ingestion.concealed import add_secrets
from ingestion.deadline import function_timeout
from ingestion.errors import InvalidInput
from ingestion.storage.account import STORAGE, Account, read_account
from ingestion.telemetry import AZURE_MONITOR, CONNECTION, TELEMETRY
from ingestion.validation import invalid_input, not_allowed

MAX_CHUNK_SIZE = 50_000
MAX_CHUNKS_PER_BATCH = 80  # the history and the payloads grow with it
MIB = 1024 * 1024
MAX_PACK_BYTES = 49_152  # 64 KiB once encoded as base64
WEEK_SECONDS = 7 * 24 * 3600
FOR_EVER = -1  # the life of a message that never expires
DEFAULT_QUEUE = "sluice-ids"
DEFAULT_PATIENCE_SECONDS = 900.0  # for a source that is away
QUEUES, KEEPER, _ENQUEUE = "SLUICE_QUEUES", "SLUICE_KEEPER_SECONDS", "SLUICE_ENQUEUE_SECONDS"
DELAY = "SLUICE_MESSAGE_DELAY_SECONDS"
OF_OTHERS = ("SLUICE_DEMO_URL", "SLUICE_URL", "SLUICE_KEY")  # settings of the demo source and of the terminal
# A schedule repeats every minute or every hour, so only these intervals are regular.
KEEPER_SECONDS = (0, *(n for n in range(1, 60) if 60 % n == 0), *(60 * n for n in range(1, 61) if 60 % n == 0))
DEFAULT_KEEPER_SECONDS = 60
LONGEST_SECONDS = 3_600  # that one activity may be given; most hosts allow only some minutes

QUEUE_NAME = r"[a-z0-9](-?[a-z0-9])*"  # a container has the same rule

Name = Annotated[str, Field(pattern=f"^{QUEUE_NAME}$", min_length=3, max_length=63)]
Format = Literal["raw", "envelope", "packed"]
Encoding = Literal["base64", "none"]
Shards = tuple[tuple[Account, str], ...]  # the queues that messages are spread over, each with its account


def _checked_interval(given: str | int) -> str | int:
    if str(given) not in map(str, KEEPER_SECONDS):
        allowed = "0, a number of seconds that divides 60, or 60 times a number that divides 60"
        raise not_allowed(f"a schedule cannot repeat every {given!r} seconds", allowed)
    return given


class Settings(BaseModel):
    """All settings of Sluice; the app setting of most fields is SLUICE_ and the field's name in capitals.

    `account` and `shards` come from the app settings that their comments name.
    """

    model_config = ConfigDict(
        frozen=True, hide_input_in_errors=True, alias_generator=lambda field: f"SLUICE_{field.upper()}"
    )

    account: Account = Field(alias="account")  # the app setting AzureWebJobsStorage, or what replaces it
    shards: Shards = Field(alias="shards")  # SLUICE_QUEUES, or SLUICE_QUEUE in `account`
    queue: Name = DEFAULT_QUEUE
    container: Name = "sluice"
    sources: Path = Path("sources.toml")
    chunk_size: int = Field(DEFAULT_CHUNK_SIZE, ge=1, le=MAX_CHUNK_SIZE)
    chunks_per_batch: int = Field(20, ge=1, le=MAX_CHUNKS_PER_BATCH)
    chunk_bytes: int = Field(8 * MIB, ge=64 * 1024, le=64 * MIB)
    fetch_seconds: float = Field(120.0, gt=0, le=LONGEST_SECONDS)
    source_patience_seconds: float = Field(DEFAULT_PATIENCE_SECONDS, ge=0, le=WEEK_SECONDS)
    enqueue_seconds: float = Field(240.0, gt=0, le=LONGEST_SECONDS)
    send_concurrency: int = Field(32, ge=1, le=256)
    max_messages_per_second: float = Field(0.0, ge=0, le=1e6)
    checkpoint_messages: int = Field(1_000, ge=1)
    message_format: Format = "raw"
    pack_messages: int = Field(1_000, ge=1, le=MAX_CHUNK_SIZE)
    pack_bytes: int = Field(MAX_PACK_BYTES, ge=1_024, le=MAX_PACK_BYTES)
    message_encoding: Encoding = "base64"
    message_ttl_seconds: int = Field(FOR_EVER, ge=FOR_EVER)
    message_delay_seconds: int = Field(0, ge=0, le=WEEK_SECONDS)
    ledger_days: int = Field(30, ge=0)  # 0: for ever
    prices: Path = Path("ingestion/capacity/prices.toml")
    keeper_seconds: Annotated[int, BeforeValidator(_checked_interval)] = DEFAULT_KEEPER_SECONDS  # 0: off
    telemetry: Literal["off", "azure_monitor"] = "off"

    @model_validator(mode="after")
    def _outlives_its_delay(self) -> Self:
        """Raise if a message would expire before it is visible, because the queue would refuse the put."""
        life, hidden = self.message_ttl_seconds, self.message_delay_seconds
        if life == 0:
            raise not_allowed("0 would expire every message", "1 or more, or -1 for ever", "SLUICE_MESSAGE_TTL_SECONDS")
        if 0 < life <= hidden:
            allowed = f"less than SLUICE_MESSAGE_TTL_SECONDS, which is {life}"
            raise not_allowed(f"after {hidden} s the message has expired", allowed, DELAY)
        return self


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings. Raise InvalidInput, naming the app setting, if one is missing or not allowed."""
    given: dict[str, Any] = {name: value for name, value in environment.items() if value != ""}
    _check_names(given)
    account = read_account(STORAGE, environment)
    add_secrets(*account.secrets)
    name = QUEUES if environment.get(QUEUES) else "SLUICE_QUEUE"
    entries = [entry.strip() for entry in (environment.get(name) or DEFAULT_QUEUE).split(",")]
    check_queues(name, entries)
    shards = read_shards(entries, environment, account)
    try:
        settings = Settings.model_validate({**given, "account": account, "shards": shards})
    except ValidationError as error:
        raise invalid_input(error) from None
    if settings.telemetry == AZURE_MONITOR and "InstrumentationKey=" not in environment.get(CONNECTION, ""):
        problem = f"{CONNECTION} is missing, or is not a connection string"
        raise InvalidInput(TELEMETRY, problem, f"off, or {AZURE_MONITOR} together with {CONNECTION}")
    for name, seconds in (("SLUICE_FETCH_SECONDS", settings.fetch_seconds), (_ENQUEUE, settings.enqueue_seconds)):
        if name in given and seconds > (limit := function_timeout(environment)):
            problem = f"{seconds:g} s are longer than functionTimeout allows"
            raise InvalidInput(name, problem, f"{limit:g} at most, or a longer functionTimeout in host.json")
    return settings


def _check_names(given: Mapping[str, str]) -> None:
    """Raise InvalidInput for an unknown app setting that begins with SLUICE_."""
    known = {QUEUES, *(str(field.alias) for field in Settings.model_fields.values())}
    unknown = [name for name in given if name.upper().startswith("SLUICE_") and name not in {*known, *OF_OTHERS}]
    if not unknown:
        return
    sources = sources_file(given)
    named = given.get(QUEUES, "") + (sources.read_text("utf-8", "replace") if sources.is_file() else "")
    for name in unknown:
        if name.partition("__")[0] not in re.findall(r"\w+", named):
            likeness = {each: SequenceMatcher(None, each, name.upper()).ratio() for each in known}
            nearest = max(sorted(known), key=lambda each: (each.startswith(name.upper()), likeness[each]))
            raise InvalidInput(name, "Sluice has no such setting", f"{nearest}, or a name that the sources file has")


def keeper_seconds(environment: Mapping[str, str] = os.environ) -> int:
    """Return the interval of the keeper, for its schedule, which is set when the app is loaded.

    Return the default for an invalid value, because an error here would leave the host without functions.
    `load_settings` raises the error at every call.
    """
    given = environment.get(KEEPER, "")
    return int(given) if given in map(str, KEEPER_SECONDS) else DEFAULT_KEEPER_SECONDS


def sources_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the sources file, even if other settings are wrong."""
    return Path(environment.get("SLUICE_SOURCES") or Settings.model_fields["sources"].default)


def check_queues(field: str, entries: Sequence[str]) -> None:
    """Raise InvalidInput for an entry that is neither `queue` nor `SETTING_NAME/queue`, or is listed twice."""
    for entry in entries:
        queue = entry.rpartition("/")[2]
        if entry.startswith("/") or not 3 <= len(queue) <= 63 or not re.fullmatch(QUEUE_NAME, queue):
            allowed = "3 to 63 lower-case letters, digits and single hyphens; for another account SETTING_NAME/queue"
            raise InvalidInput(field, f"{entry!r} is not the name of a queue", allowed)
        if entries.count(entry) > 1:
            raise InvalidInput(field, f"{entry!r} is listed more than once", "each queue once")


def read_shards(entries: Sequence[str], environment: Mapping[str, str], default: Account) -> Shards:
    """Return the queues with their accounts. Raise InvalidInput, naming the app setting, if an account is missing."""
    parts = [entry.rpartition("/") for entry in entries]
    shards = tuple((read_account(setting, environment) if slash else default, queue) for setting, slash, queue in parts)
    for account, _ in shards:
        add_secrets(*account.secrets)
    return shards
