"""Traces and metrics through OpenTelemetry. They do nothing until `switch_on`, or the worker, sets a provider.

All spans of a run share one trace, in every process. The trace id is a digest of the start of the run, so no message
has to carry it. The orchestrator makes no spans; a redrive or a recovery continues the trace. Spans and metrics take
their values from the log records (`activities.log`), so nothing is counted twice. `docs/monitoring.md` lists them.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ingestion.concealed import conceal
from ingestion.contracts import Run
from ingestion.errors import bounded, first_line

TELEMETRY, AZURE_MONITOR = "SLUICE_TELEMETRY", "azure_monitor"
CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING"
PREFIX = "sluice."  # of attributes and metrics
MESSAGES = "{message}"

# Each of them would put full URLs into spans, or one span for each message.
NOT_INSTRUMENTED = (
    "azure_sdk", "django", "fastapi", "flask", "httpx", "httpx2", "psycopg2", "requests", "urllib", "urllib3",
)  # fmt: skip

Measure = Callable[[float, Mapping[str, Any]], None]

_W3C = TraceContextTextMapPropagator()


class Telemetry:
    """A tracer, and the instruments of a meter.

    `_measures` maps the action and a fact of a log record to the instrument that records this fact.
    """

    def __init__(self, tracer: trace.Tracer, meter: metrics.Meter) -> None:
        def counter(name: str, unit: str, what: str) -> Measure:
            return meter.create_counter(name, unit, what).add

        def gauge(name: str, what: str) -> Measure:
            return meter.create_gauge(name, MESSAGES, what).set

        self.tracer = tracer
        self._rate = meter.create_histogram("sluice.chunk.rate", "{message}/s", "speed of each chunk that is done")
        done = "counted when their chunk is done"
        self._measures: dict[str, dict[str, Measure]] = {
            "batch_fetched": {
                "messages": counter("sluice.messages.fetched", MESSAGES, "messages written to the spool"),
            },
            "chunk_enqueued": {
                "messages": counter("sluice.messages.enqueued", MESSAGES, f"messages put on a queue, {done}"),
                "rejected": counter("sluice.messages.rejected", MESSAGES, f"messages that no queue takes, {done}"),
                "throttled_seconds": counter("sluice.queue.throttled", "s", "waits because a queue refused requests"),
            },
            "failed_recorded": {
                "failed": counter("sluice.messages.failed", MESSAGES, "messages of failed chunks that were not sent"),
            },
            "source_waited_for": {
                "seconds": counter("sluice.source.waited", "s", "waits of runs for their source"),
            },
            "queue_depth": {
                "depth": gauge("sluice.queue.depth", "messages that wait in a queue"),
                "poison_depth": gauge("sluice.queue.poison_depth", "messages that consumers have given up"),
            },
        }

    def measure(self, action: str, facts: Mapping[str, Any]) -> None:
        """Count what a log record says. A chunk counts once, when it is done, with the sums over all its attempts."""
        attributes = {f"{PREFIX}{name}": facts[name] for name in ("source", "queue") if name in facts}
        for name, record in self._measures.get(action, {}).items():
            if (value := facts.get(name)) is not None:
                record(value, attributes)
        if action == "chunk_enqueued" and facts.get("seconds"):
            self._rate.record(facts["messages"] / facts["seconds"], attributes)


_present = Telemetry(trace.get_tracer("sluice"), metrics.get_meter("sluice"))


def note(action: str, facts: Mapping[str, Any]) -> None:
    """Count the facts of a log record, and put them on the present span. The facts must be concealed."""
    span = trace.get_current_span()
    if span.is_recording():
        shown = {f"{PREFIX}{name}": _plain(fact) for name, fact in facts.items() if fact is not None}
        span.set_attributes(shown)
    _present.measure(action, facts)


@contextmanager
def run_span(name: str, run: Run, host: str = "") -> Iterator[Span]:
    """Start a span of a run for the block; an error becomes its status. `host` is the `traceparent` from the host.

    If the host's span belongs to the run's trace, it is the parent. Otherwise the new span is at the top of the run's
    trace, with a link to the host's span.
    """
    root = _root(run)
    given = trace.get_current_span(_W3C.extract({"traceparent": host})).get_span_context()
    if not given.is_valid:
        given = trace.get_current_span().get_span_context()
    parent, links = root, [Link(given)] if given.is_valid else []
    if given.trace_id == root.trace_id:
        parent, links = SpanContext(root.trace_id, given.span_id, True, root.trace_flags), []
    above = trace.set_span_in_context(NonRecordingSpan(parent))
    with _span(name, context=above, links=links, attributes={"sluice.run_id": run.id}) as span:
        yield span


@contextmanager
def request_span(method: str, host: str) -> Iterator[Span]:
    """Start a span of a request to a source for the block, without the URL, which may contain a key or an id."""
    with _span("source_request", kind=SpanKind.CLIENT) as span:
        if span.is_recording():  # else save the search for secrets
            span.set_attributes({"http.request.method": method, "server.address": conceal(host)})
        yield span


def fail(span: Span, reason: str) -> None:
    """Set the reason of a failure as the status of a span."""
    span.set_status(StatusCode.ERROR, bounded(conceal(reason)))


def trace_id(run: Run) -> str:
    """Return the trace id of a run, which is `operation_Id` in Application Insights."""
    return trace.format_trace_id(_root(run).trace_id)


@contextmanager
def _span(name: str, **options: Any) -> Iterator[Span]:
    started = _present.tracer.start_as_current_span(
        name, record_exception=False, set_status_on_exception=False, **options
    )
    with started as span:
        try:
            yield span
        except Exception as error:
            fail(span, first_line(error))
            raise


def _root(run: Run) -> SpanContext:
    """Return the root span of a run. It never ends: it is only an id, which all processes derive in the same way."""
    digest = blake2b(run.folder.encode(), digest_size=24).digest()
    trace_id, span_id = int.from_bytes(digest[:16]), int.from_bytes(digest[16:])
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _plain(fact: Any) -> str | bool | int | float:
    return fact if isinstance(fact, str | bool | int | float) else str(fact)


def switch_on(environment: Mapping[str, str] = os.environ) -> None:
    """Export spans and metrics to Azure Monitor if the settings say so and nothing exports them yet.

    The host exports the log records, and no library is instrumented. After an error the app runs without export. The
    error is printed, because the host drops log records of a loading app. `load_settings` checks the settings at every
    call.
    """
    if environment.get(TELEMETRY) != AZURE_MONITOR:
        return
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return  # the worker already exports
    os.environ.setdefault("OTEL_LOGS_EXPORTER", "none")
    os.environ.setdefault("OTEL_TRACES_SAMPLER", "always_on")
    try:
        from azure.monitor.opentelemetry import configure_azure_monitor  # a slow import that few apps need

        configure_azure_monitor(
            connection_string=environment.get(CONNECTION),
            enable_live_metrics=False,
            enable_performance_counters=False,
            instrumentation_options={name: {"enabled": False} for name in NOT_INSTRUMENTED},
        )
    except Exception as error:
        print(f"no telemetry is exported: {type(error).__name__}: {first_line(error)}")
