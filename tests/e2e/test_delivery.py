"""From the API to the queue with real processes: every id arrives once, and the report is right."""

import pytest

from local.demo.readback import Comparison
from local.demo.settings import ApiSettings
from tests.e2e.conftest import MakeStack
from tests.e2e.rig import ALL_ONCE, IDS, Rig


@pytest.mark.parametrize(
    "api", [ApiSettings(ids=3_000), ApiSettings(ids=0), ApiSettings(ids=500, page_size=20, failure_rate=0.2)]
)
def test_a_run_delivers_every_id_once_if_there_are_any_also_where_the_api_fails_at_times(
    make_stack: MakeStack, api: ApiSettings
) -> None:
    with make_stack(api) as stack:
        ids, [*_, status] = api.ids, stack.run(chunk_size=500)
        assert status["status"] == "completed"
        report = status["report"]
        assert (report["fetched"], report["enqueued"], report["chunks_done"]) == (ids, ids, ids // 500)
        assert (report["rejected"], report["failed"], report["failures"]) == (0, 0, [])
        assert stack.read_back() == Comparison(served=ids, enqueued=ids, unique=ids, lost=0, duplicates=0, foreign=0)


def test_a_run_whose_chunks_need_more_than_their_time_goes_on_with_them(rig: Rig) -> None:
    rig.settings = {"SLUICE_MAX_MESSAGES_PER_SECOND": "50", "SLUICE_ENQUEUE_SECONDS": "3"}
    with rig.host() as host:
        host.start()
        run = host.wait()
    assert (run["status"], run["report"]["enqueued"], run["report"]["retries"]) == ("completed", IDS, 0)
    assert rig.read_back() == ALL_ONCE
    assert len(rig.sent) > run["report"]["chunks_done"], "no chunk was taken up again"


DOUBLING = """
[doubling]
url = "%SLUICE_DEMO_URL%/ids"
items = "items"
message = "id"
unique = true
pagination = { style = "window", send_to = "limit", stop = 90, step = 30 }
"""


@pytest.mark.parametrize("is_exact", [False, True])
def test_a_run_over_unique_items_reports_the_number_of_repeated_ones(rig: Rig, is_exact: bool) -> None:
    """Each of its pages begins at the first item: they have 30, 60 and 90 items."""
    file = rig.folder / "sources.toml"
    file.write_text(DOUBLING, encoding="utf-8")
    rig.settings = {"SLUICE_SOURCES": str(file)}
    with rig.host() as host:
        host.start(source="doubling", total_is_exact=is_exact)
        run = host.wait()
    report = run["report"]
    assert (run["status"], report["enqueued"]) == ("failed" if is_exact else "completed", 180)
    [warning] = report["warnings"]
    assert warning["warning"] == "doubles"
    assert warning["message"].startswith("90 of the 180 messages came before")
    assert (warning["message"] in str(run["error"])) == is_exact
    assert not [name for name in rig.blobs() if "/cursors/" in name]
