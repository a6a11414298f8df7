"""The description of a source in `sources.toml`. The rest of the app uses the names in this module."""

from ingestion.source.description.file import (
    Described,
    described,
    has_schedule,
    load_source,
    read_scheduled,
    scheduled_tables,
    source_names,
)
from ingestion.source.description.source import Source

__all__ = [
    "Described",
    "Source",
    "described",
    "has_schedule",
    "load_source",
    "read_scheduled",
    "scheduled_tables",
    "source_names",
]
