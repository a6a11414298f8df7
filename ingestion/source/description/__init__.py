"""What is said about a source in `sources.toml`; the rest of the app sees these two names."""

from ingestion.source.description.file import load_source
from ingestion.source.description.source import Source

__all__ = ["Source", "load_source"]
