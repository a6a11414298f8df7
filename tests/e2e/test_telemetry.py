"""One trace for each run, and metrics with the counts of its report: the whole app, with exporters in memory."""

from collections import Counter
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from ingestion import telemetry
from ingestion.contracts import Run
from tests.e2e.rig import IDS, Rig
from tests.exported import Exported, exporting

FAILED = {1, 6, 19}  # chunks of 25 messages


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exported]:
    with exporting(monkeypatch) as there:
        yield there


def parent_of(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


def test_a_run_is_one_trace_with_a_redrive_and_its_metrics_are_the_counts_of_its_report(
    rig: Rig, exported: Exported
) -> None:
    rig.refused, rig.settings = FAILED, {"SLUICE_KEEPER_SECONDS": "60"}
    with rig.host() as host:
        host.start(tolerated_failures="50%")
        report = host.wait()["report"]
        assert (report["fetched"], report["failed"]) == (IDS, 75)
        first = exported.values()
        rig.refused = ()
        assert host.ask("redrive").status_code == 202
        assert host.wait()["report"]["enqueued"] == IDS
        start = rig.blob("runs/run/request.json")["start"]

    assert (first["sluice.messages.fetched"], first["sluice.messages.enqueued"], first["sluice.messages.failed"]) == (
        report["fetched"], report["enqueued"], report["failed"],
    )  # fmt: skip
    values = exported.values()
    assert values["sluice.messages.enqueued"] == IDS
    assert values["sluice.chunk.rate"] == 23
    assert values.get("sluice.messages.rejected") == values.get("sluice.queue.throttled") == 0

    spans = exported.spans()
    assert {f"{span.context.trace_id:032x}" for span in spans} == {telemetry.trace_id(Run("run", start))}
    names = Counter(span.name for span in spans)
    assert names.keys() == {
        "start_run", "fetch_batch", "source_request", "enqueue_chunk", "record_window", "record_failed", "load_failed",
        "finish_run",
    }  # fmt: skip
    assert (names["start_run"], names["fetch_batch"], names["enqueue_chunk"], names["finish_run"]) == (2, 3, 26, 2)

    of_fetches = {span.context.span_id for span in spans if span.name == "fetch_batch"}
    assert {parent_of(span) for span in spans if span.name == "source_request"} == of_fetches
    own = {span.context.span_id for span in spans}
    above = [span for span in spans if span.name != "source_request"]
    assert not {parent_of(span) for span in above} & own, "each is below a span of the host, or at the top"
    [top] = {parent_of(span) for span in above if span.name == "start_run"}
    assert top not in {parent_of(span) for span in above if span.name != "start_run"}, "the host has the trace"
    assert all(span.attributes and span.attributes["sluice.run_id"] == "run" for span in above)

    chunks = [span for span in spans if span.name == "enqueue_chunk"]
    refused = [span for span in chunks if not span.status.is_ok and span.status.description]
    numbers = [span.attributes["sluice.chunk"] for span in refused if span.attributes]
    assert sorted(map(int, map(str, numbers))) == sorted(FAILED)
    enqueued = [span.attributes for span in chunks if span.attributes and "sluice.messages" in span.attributes]
    assert sum(int(str(facts["sluice.messages"])) for facts in enqueued) == IDS
