"""Large records use little memory, and do not block the other work of a worker."""

import asyncio
import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from ingestion.sending import message_format
from local.emulator import Azurite
from tests.app_host import ROOT
from tests.faults.sending import sending, settings_for

CHUNKS = """
    import asyncio, json
    from ingestion.contracts import Chunk, EnqueueRequest, Run
    from ingestion.fetching.filling import Filling
    from ingestion.storage.spool import BatchWriter
    from ingestion.sending.enqueue import enqueue
    from ingestion.settings import load_settings
    from ingestion.source.description import Source
    from ingestion.open_storage import open_storage, close_storage

    async def main():
        settings, run = load_settings(), Run("r1", "s1")
        storage = open_storage(settings)
        await storage.prepare(settings)
        writer = BatchWriter(storage.container, run, 0)
        source = Source.model_validate({"url": "http://a", "items": "", "pagination": {"style": "none"}})
        filling = Filling(source, writer, settings.chunk_size, settings.chunk_bytes)
        while writer.next_chunk < 5:
            await filling.add([{"record": "x" * 36_000}] * 10)
        requests = [EnqueueRequest(run=run, source="s", chunk=Chunk(number, writer.token)) for number in range(5)]
        send = (enqueue(one, storage.container, storage.queues, settings) for one in requests)
        receipts = await asyncio.gather(*send)
        await close_storage()
        # Not ru_maxrss: it begins with what the test's own process had, from which this one was made.
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        peak = int(status["VmHWM"].split()[0]) // 1024
        print(json.dumps({"peak_mb": peak, "enqueued": sum(one.enqueued for one in receipts)}))

    asyncio.run(main())
"""


def test_five_chunks_of_36_kb_records_on_one_worker_stay_under_350_mb(azurite: Azurite, queue_name: str) -> None:
    environment = {
        "AzureWebJobsStorage": azurite.connection_string,
        "SLUICE_QUEUE": queue_name,
        "SLUICE_CONTAINER": queue_name,
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHUNKS)], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["enqueued"] >= 5 * 200
    assert found["peak_mb"] < 350


class Parsed:
    """Counts the bytes parsed between two turns of the event loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = self._now = 0
        original = message_format._message_in

        def message_in(line: bytes) -> Any:
            self._now += len(line)
            self.most = max(self.most, self._now)
            return original(line)

        monkeypatch.setattr(message_format, "_message_in", message_in)

    async def watch(self) -> None:
        while True:
            self._now = 0
            await asyncio.sleep(0)


@pytest.mark.parametrize("record", ["x" * 30_000, "x" * 60_000], ids=["sent", "rejected"])
@pytest.mark.parametrize("form", ["raw", "packed"])
@pytest.mark.parametrize("sent", [0, 140])
async def test_at_most_1_mib_is_parsed_between_two_turns_of_the_event_loop(
    azurite: Azurite, monkeypatch: pytest.MonkeyPatch, record: str, form: str, sent: int
) -> None:
    async with sending(settings_for(azurite, SLUICE_MESSAGE_FORMAT=form), [{"record": record}] * 150) as chunk:
        if sent:
            await chunk.left_by_an_earlier_attempt(confirmed=((0, sent),))
        parsed = Parsed(monkeypatch)
        watching = asyncio.create_task(parsed.watch())
        await chunk.send()
        watching.cancel()
    assert 0 < parsed.most <= 1024 * 1024
