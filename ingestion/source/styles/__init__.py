"""The pagination styles, one family in each file. `Pagination` is any of them; its `style` says which."""

from typing import Annotated

from pydantic import Field

from ingestion.source.styles.cursor import CursorStyle, KeysetStyle
from ingestion.source.styles.next_url import LinkHeaderStyle, NextUrlStyle
from ingestion.source.styles.numbers import OffsetStyle, PageNumberStyle, RangeHeaderStyle, WindowStyle
from ingestion.source.styles.since import SinceStyle
from ingestion.source.styles.style import SingleStyle

Pagination = Annotated[
    SingleStyle
    | LinkHeaderStyle
    | NextUrlStyle
    | CursorStyle
    | KeysetStyle
    | SinceStyle
    | PageNumberStyle
    | OffsetStyle
    | RangeHeaderStyle
    | WindowStyle,
    Field(discriminator="style"),
]
