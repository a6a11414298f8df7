"""What is said about a source in `sources.toml`; `Source` is what the rest of the app sees of it."""

from ingestion.source.description.source import Source, load_source

__all__ = ["Source", "load_source"]
