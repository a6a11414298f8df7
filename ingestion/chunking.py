"""The chunking helper: cut any sequence into slices of one size.

The orchestrator cuts the chunk numbers of a batch into windows, and a fetch cuts the items of a page into pieces.
"""

from collections.abc import Sequence
from typing import TypeVar

Sliceable = TypeVar("Sliceable", bound=Sequence[object])

DEFAULT_CHUNK_SIZE = 5_000  # messages


def chunk(data: Sliceable, size: int = DEFAULT_CHUNK_SIZE) -> list[Sliceable]:
    """Return consecutive slices of `size` elements of `data`; the last one may be shorter.

    The slices have the type of `data`: a list gives lists, a range gives ranges. Empty data gives no slices. Raise
    ValueError if `size` is below 1.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, not {size}")
    return [data[start : start + size] for start in range(0, len(data), size)]  # type: ignore[misc]  # a slice keeps its type
