"""The last batch of a source of unique items: the number of doubles, and no messages.

They are counted in a fetch of their own, which has all its time for that.
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

    Raise SourceRefused if there are doubles and the total has to be exact: they may stand for items that are lost.
    """
    doubles = TOO_MANY if position.digested == TOO_MANY else await doubles_in(position.digests, spool.read)
    if doubles > 0 and source.pagination.end.exact_total:
        raise SourceRefused(
            f"{doubles} of the messages came before in this run, and the description says unique = true. Since its "
            f"total ({position.total}) has to be exact, as many items may be missing. Start a new run"
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
