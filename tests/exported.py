"""Spans and metrics of the app in memory, in the place of what Azure Monitor would get."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ingestion import telemetry


class Exported(NamedTuple):
    """What the app has exported."""

    memory: InMemorySpanExporter
    reader: InMemoryMetricReader

    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.memory.get_finished_spans()

    def values(self) -> dict[str, float]:
        """By metric, the sum of each counter, the count of each histogram, and the last value of each gauge."""
        found: defaultdict[str, float] = defaultdict(float)
        data: Any = self.reader.get_metrics_data()
        for metric in data.resource_metrics[0].scope_metrics[0].metrics:
            for point in metric.data.data_points:
                found[metric.name] += point.value if hasattr(point, "value") else point.count
        return dict(found)

    def text(self) -> str:
        """All of it."""
        data: Any = self.reader.get_metrics_data()
        return "\n".join([*(span.to_json() for span in self.spans()), data.to_json()])


@contextmanager
def exporting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exported]:
    """Let the app of this process export into memory."""
    there, tracers = Exported(InMemorySpanExporter(), InMemoryMetricReader()), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(there.memory))
    meters = MeterProvider([there.reader])
    present = telemetry.Telemetry(tracers.get_tracer("test"), meters.get_meter("test"))
    monkeypatch.setattr(telemetry, "_present", present)
    try:
        yield there
    finally:
        meters.shutdown()
        tracers.shutdown()
