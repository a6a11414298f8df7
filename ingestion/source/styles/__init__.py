"""The pagination styles, one file each; `Pagination` is any of them, told apart by its `style`."""

from ingestion.source.styles.cursor import CursorStyle
from ingestion.source.styles.style import End, Style

Pagination = CursorStyle

__all__ = ["CursorStyle", "End", "Pagination", "Style"]
