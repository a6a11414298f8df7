"""A run over a source of unique items, with real blobs: it counts repeated items, and deletes their digests."""

from dataclasses import replace

from ingestion.fetching.doubles import doubles_in, sorted_digests
from ingestion.fetching.known import digest
from ingestion.run.clean_up import clean_up
from ingestion.storage.spool import Spool
from tests.app.kept import DONE, Kept


async def test_digests_are_read_from_storage_as_they_were_written_and_go_with_the_run(kept: Kept) -> None:
    ledger = await kept.begun()
    spool = Spool(kept.container, ledger.run)
    blobs = [
        await spool.store(index, "digests", sorted_digests(b"".join(digest(b"%d" % number) for number in numbers)))
        for index, numbers in enumerate([range(1_000), range(990, 2_000), range(0)])
    ]
    assert await doubles_in(blobs, spool.read) == 10
    await clean_up(ledger, replace(DONE, run=ledger.run, source_exhausted=False))
    assert await doubles_in(blobs, spool.read) == 10, "a redrive goes on with them"
    await clean_up(ledger, replace(DONE, run=ledger.run))
    assert [
        name async for name in kept.container.list_blob_names(name_starts_with=f"{ledger.run.folder}cursors/")
    ] == []
