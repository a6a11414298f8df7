"""The app settings, read from the environment once per call of a function and checked as a whole.

In Azure they are the function app's settings; locally they come from `local.settings.json` or the environment.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingestion.chunking import DEFAULT_CHUNK_SIZE
from ingestion.validation import invalid_input

MAX_CHUNK_SIZE = 50_000
MAX_CHUNKS_PER_BATCH = 100  # history and the offsets in a payload grow with it
WEEK_SECONDS = 7 * 24 * 3600


class Settings(BaseModel):
    """All settings of Sluice; each field's alias is the name of its app setting."""

    model_config = ConfigDict(frozen=True)

    storage: Annotated[str, Field(alias="AzureWebJobsStorage", min_length=1)]
    queue: Annotated[
        str, Field(alias="SLUICE_QUEUE", pattern=r"^[a-z0-9](-?[a-z0-9])*$", min_length=3, max_length=63)
    ] = "sluice-ids"
    container: Annotated[
        str, Field(alias="SLUICE_CONTAINER", pattern=r"^[a-z0-9](-?[a-z0-9])*$", min_length=3, max_length=63)
    ] = "sluice"
    sources: Annotated[Path, Field(alias="SLUICE_SOURCES")] = Path("sources.toml")
    chunk_size: Annotated[int, Field(alias="SLUICE_CHUNK_SIZE", ge=1, le=MAX_CHUNK_SIZE)] = DEFAULT_CHUNK_SIZE
    chunks_per_batch: Annotated[int, Field(alias="SLUICE_CHUNKS_PER_BATCH", ge=1, le=MAX_CHUNKS_PER_BATCH)] = 20
    fetch_seconds: Annotated[float, Field(alias="SLUICE_FETCH_SECONDS", gt=0)] = 120.0
    enqueue_seconds: Annotated[float, Field(alias="SLUICE_ENQUEUE_SECONDS", gt=0)] = 240.0
    send_concurrency: Annotated[int, Field(alias="SLUICE_SEND_CONCURRENCY", ge=1, le=256)] = 32
    message_encoding: Annotated[Literal["base64", "none"], Field(alias="SLUICE_MESSAGE_ENCODING")] = "base64"
    message_ttl_seconds: Annotated[int, Field(alias="SLUICE_MESSAGE_TTL_SECONDS", ge=-1)] = WEEK_SECONDS


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Raises InvalidInput, naming the app setting, if one is missing or not what it may be."""
    given = {name: value for name, value in environment.items() if name in _names() and value != ""}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise invalid_input(error) from None


def _names() -> set[str]:
    return {field.alias or name for name, field in Settings.model_fields.items()}
