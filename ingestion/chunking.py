"""The chunking helper: it cuts anything that can be sliced into pieces of one size.

The orchestrator cuts the numbers of a batch's chunks into windows with it, and a fetch the items of a page into pieces.
"""

from collections.abc import Sequence
from typing import TypeVar

Sliceable = TypeVar("Sliceable", bound=Sequence[object])

DEFAULT_CHUNK_SIZE = 5_000  # messages


def chunk(data: Sliceable, size: int = DEFAULT_CHUNK_SIZE) -> list[Sliceable]:
    """Cut `data` into consecutive slices of `size` elements, the last one shorter if it does not divide evenly.

    Returns slices of the type of `data` (lists of a list, ranges of a range); none for empty data.
    Raises ValueError if `size` is below 1.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, not {size}")
    return [data[start : start + size] for start in range(0, len(data), size)]  # type: ignore[misc]  # a slice keeps its type
