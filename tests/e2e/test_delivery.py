"""From the API to the queue with every process real: what was served arrives, once, and the report agrees."""

import pytest

from local.demo.readback import read_back
from local.demo.run_client import RunClient
from local.demo.settings import ApiSettings
from local.demo.tally import Comparison
from tests.e2e.conftest import MakeStack
from tests.e2e.rig import ALL_ONCE, IDS, Rig

PATIENCE_SECONDS = 180.0


@pytest.mark.parametrize("ids", [3_000, 0])
def test_a_run_delivers_every_id_once_if_there_are_any(make_stack: MakeStack, ids: int) -> None:
    with make_stack(ApiSettings(ids=ids)) as stack:
        with RunClient(stack.app_url) as client:
            run_id = client.start(source="demo", chunk_size=500)
            status = list(client.follow(run_id, check=stack.check, patience_seconds=PATIENCE_SECONDS))[-1]
        assert status["status"] == "completed"
        report = status["report"]
        assert (report["fetched"], report["enqueued"], report["chunks_done"]) == (ids, ids, ids // 500)
        assert (report["rejected"], report["failed"], report["failures"]) == (0, 0, [])
        found = read_back(stack.azurite.connection_string, stack.queue, stack.api_url)
        assert found == Comparison(served=ids, enqueued=ids, unique=ids, lost=0, duplicates=0, foreign=0)


def test_a_run_whose_chunks_need_more_than_their_time_goes_on_with_them(rig: Rig) -> None:
    rig.settings = {"SLUICE_MAX_MESSAGES_PER_SECOND": "100", "SLUICE_ENQUEUE_SECONDS": "0.5"}
    with rig.host() as host:
        host.start(tolerated_failures=0)
        run = host.wait()
    assert (run["status"], run["report"]["enqueued"], run["report"]["retries"]) == ("completed", IDS, 0)
    assert rig.read_back() == ALL_ONCE
    assert len(rig.sent) > run["report"]["chunks_done"], "no chunk was taken up again"
