"""From the API to the queue with every process real: what was served arrives, once, and the report agrees."""

from local.demo.readback import Comparison
from local.demo.settings import ApiSettings
from tests.e2e.conftest import IDS, MakeStack
from tests.e2e.rig import Rig


def all_once(ids: int) -> Comparison:
    return Comparison(served=ids, enqueued=ids, unique=ids, lost=0, duplicates=0, foreign=0)


def test_a_run_delivers_every_id_once(make_stack: MakeStack) -> None:
    with make_stack(ApiSettings(ids=3_000)) as stack:
        *_, status = stack.run(chunk_size=500)
        assert status["status"] == "completed"
        report = status["report"]
        assert (report["fetched"], report["enqueued"], report["chunks_done"]) == (3_000, 3_000, 6)
        assert (report["rejected"], report["failed"], report["failures"]) == (0, 0, [])
        assert stack.read_back() == all_once(3_000)


def test_an_api_that_fails_now_and_then_costs_time_but_no_id(make_stack: MakeStack) -> None:
    with make_stack(ApiSettings(ids=600, page_size=20, failure_rate=0.2)) as stack:
        assert [*stack.run(chunk_size=100)][-1]["status"] == "completed"
        assert stack.read_back() == all_once(600)


def test_an_empty_source_is_a_run_that_completes_with_nothing(make_stack: MakeStack) -> None:
    with make_stack(ApiSettings(ids=0)) as stack:
        *_, status = stack.run(chunk_size=100)
        assert (status["status"], status["report"]["fetched"]) == ("completed", 0)
        assert stack.read_back() == all_once(0)


def test_a_run_whose_chunks_need_more_than_their_time_goes_on_with_them(rig: Rig) -> None:
    rig.settings = {"SLUICE_MAX_MESSAGES_PER_SECOND": "50", "SLUICE_ENQUEUE_SECONDS": "3"}
    with rig.host() as host:
        host.start(tolerated_failures=0)
        run = host.wait()
    assert (run["status"], run["report"]["enqueued"], run["report"]["retries"]) == ("completed", IDS, 0)
    assert rig.read_back() == all_once(IDS)
    assert len(rig.sent) > run["report"]["chunks_done"], "no chunk was taken up again"
