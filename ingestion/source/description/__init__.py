"""What is said about a source in `sources.toml`; the rest of the app sees these three names."""

from ingestion.source.description.file import described, load_source
from ingestion.source.description.source import Source

__all__ = ["Source", "described", "load_source"]
