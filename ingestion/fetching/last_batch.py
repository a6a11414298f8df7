"""The last batch of a source with unique items: the number of doubles, and no messages.

A separate fetch counts the doubles, so that it can use the whole time of an activity.
"""

from ingestion.contracts import Batch, FetchRequest
from ingestion.errors import SourceRefused
from ingestion.fetching.doubles import TOO_MANY, doubles_in
from ingestion.fetching.marks import last_mark
from ingestion.fetching.position import Position
from ingestion.reads import Reads
from ingestion.source.description import Source
from ingestion.storage.spool import OpenBatch, Spool


async def last_batch(
    request: FetchRequest, source: Source, reads: Reads | None, position: Position, opened: OpenBatch, spool: Spool
) -> Batch:
    """Commit the last batch of a source that has ended.

    Raise SourceRefused if there are doubles and end.exact_total is set: as many items may be missing.
    """
    doubles = TOO_MANY if position.digested == TOO_MANY else await doubles_in(position.digests, spool.read)
    if doubles > 0 and source.pagination.end.exact_total:
        raise SourceRefused(
            f"{doubles} of the messages came before in this run, but the description says unique = true. As many items "
            f"may be missing, because the total ({position.total}) must be exact (end.exact_total). Start a new run"
        )
    held = opened.parts.get("held", b"")
    return await spool.commit(
        Batch(
            index=request.batch_index,
            token=opened.writer.token,
            first_chunk=opened.writer.first_chunk,
            chunks=0,
            count=0,
            size_bytes=0,
            pages=0,
            source_total=position.total if position.windows == 1 else None,
            ended=position.ended,
            doubles=doubles,
            known=position.known,
            outside=position.outside,
            mark=await last_mark(source, reads, position, held, spool, request.batch_index),
        )
    )
