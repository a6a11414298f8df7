"""Repeat a conditional write: one turn for each try, a pause between two turns, and an error after the last turn."""

import asyncio
import random
from collections.abc import AsyncIterator

from ingestion.errors import StorageUnavailable

MOST = 20
FIRST_SECONDS, LONGEST_SECONDS = 0.05, 1.0


async def turns(doing: str) -> AsyncIterator[None]:
    """Yield for each try. Raise StorageUnavailable after the last one. `doing` names the work in the error text."""
    for turn in range(MOST):
        if turn:
            longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2**turn)
            await asyncio.sleep(random.uniform(0, longest))
        yield
    raise StorageUnavailable(
        f"could not {doing}: {MOST} times in a row another writer was faster, or storage refused the condition of the "
        "write. Check that nothing else writes to the container or has a lease on that blob"
    )
