"""Traces and metrics: the parents of spans, what is exported where, and the cost if telemetry is off."""

import os
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from activities.log import log
from ingestion import telemetry
from ingestion.concealed import add_secrets
from ingestion.contracts import Run
from local.demo.stack import ROOT
from tests.exported import Exported, exporting

RUN = Run("orders", "20260101T000000-aa")
TRACE, OTHER = telemetry.trace_id(RUN), "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[Exported]:
    with exporting(monkeypatch) as there:
        yield there


@pytest.mark.parametrize("flags", ["00", "01"])
def test_a_span_is_below_the_hosts_span_if_that_is_in_the_trace_of_the_run(exported: Exported, flags: str) -> None:
    with telemetry.run_span("fetch_batch", RUN, f"00-{TRACE}-b7ad6b7169203331-{flags}"):
        pass
    [span] = exported.spans()
    assert span.parent is not None
    assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, "b7ad6b7169203331")
    assert not span.links


def test_a_span_stays_in_the_trace_of_the_run_and_links_to_another_trace_of_the_host(
    exported: Exported,
) -> None:
    with telemetry.run_span("fetch_batch", RUN, f"00-{OTHER}-b7ad6b7169203331-01"):
        pass
    [span] = exported.spans()
    assert f"{span.context.trace_id:032x}" == TRACE
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [OTHER]


def test_each_start_of_a_run_id_has_a_trace_of_its_own() -> None:
    traces = {telemetry.trace_id(RUN), telemetry.trace_id(Run("orders", "later")), telemetry.trace_id(Run("x", "y"))}
    assert len(traces) == 3


def test_a_span_has_the_facts_of_the_log_records_below_it_without_secrets(exported: Exported) -> None:
    add_secrets("s3cr/t")
    with telemetry.run_span("fetch_batch", RUN) as span:
        log("fetch_failed", "no", run_id="orders", source="shop", reason="it said s3cr%2ft", batch=3, known=None)
        telemetry.fail(span, "it said s3cr%2ft")
    [ended] = exported.spans()
    assert ended.attributes == {
        "sluice.run_id": "orders", "sluice.action": "fetch_failed", "sluice.source": "shop", "sluice.batch": 3,
        "sluice.reason": "it said ***",
    }  # fmt: skip
    assert ended.status.description == "it said ***"


def test_an_error_is_the_status_of_its_span_and_no_event_with_a_traceback(exported: Exported) -> None:
    add_secrets("s3cr/t")
    with pytest.raises(ValueError, match="no"), telemetry.run_span("fetch_batch", RUN):
        raise ValueError("no s3cr/t\nmore")
    [span] = exported.spans()
    assert (span.status.is_ok, span.status.description, span.events) == (False, "no ***", ())


def test_the_depth_of_a_queue_that_the_app_may_not_ask_is_no_value(exported: Exported) -> None:
    log("queue_depth", "messages wait in a queue", queue="a", depth=7, poison_depth=None)
    log("source_waited_for", "the run waits", source="shop", seconds=2.5)
    log("chunk_enqueued", "a chunk", messages=10, rejected=2, throttled_seconds=0.5, seconds=4.0, source="shop")
    assert exported.values() == {
        "sluice.queue.depth": 7, "sluice.source.waited": 2.5, "sluice.messages.enqueued": 10,
        "sluice.messages.rejected": 2, "sluice.queue.throttled": 0.5, "sluice.chunk.rate": 1,
    }  # fmt: skip


def in_a_new_process(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {name: text for name, text in os.environ.items() if not name.startswith(("SLUICE_", "OTEL_"))}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=given | environment, capture_output=True, text=True, check=True)


def test_telemetry_that_is_off_costs_no_exporter_no_package_and_no_thread() -> None:
    code = (
        "import function_app, sys, threading; from opentelemetry import trace; "
        "print([it for it in sys.modules if it.startswith(('opentelemetry.sdk', 'azure.monitor'))], "
        "threading.active_count(), type(trace.get_tracer_provider()).__name__)"
    )
    assert in_a_new_process(code).stdout.split() == ["[]", "1", "ProxyTracerProvider"]


def configured(monkeypatch: pytest.MonkeyPatch, configure: Any) -> None:
    """Let `configure` be called in the place of the package."""
    for name in ("azure.monitor", "azure.monitor.opentelemetry"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(sys.modules["azure.monitor.opentelemetry"], "configure_azure_monitor", configure, raising=False)
    for name in ("OTEL_LOGS_EXPORTER", "OTEL_TRACES_SAMPLER"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


ON = {"SLUICE_TELEMETRY": "azure_monitor", "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=1"}


def test_what_is_switched_on_exports_no_log_record_a_second_time_and_instruments_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, Any] = {}
    configured(monkeypatch, lambda **options: given.update(options))
    telemetry.switch_on(ON)
    assert os.environ["OTEL_LOGS_EXPORTER"] == "none"
    assert given["connection_string"] == "InstrumentationKey=1"
    assert {"azure_sdk", "httpx"} <= given["instrumentation_options"].keys()
    assert not any(option["enabled"] for option in given["instrumentation_options"].values())


def test_where_the_worker_exports_already_the_app_does_not_export_a_second_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configured(monkeypatch, lambda **_: pytest.fail("it would export twice"))
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", TracerProvider)
    telemetry.switch_on(ON)


def test_the_app_runs_where_its_telemetry_cannot_be_configured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def configure(**_: Any) -> None:
        raise ValueError("Invalid connection string")

    configured(monkeypatch, configure)
    telemetry.switch_on(ON)
    assert capsys.readouterr().out == "no telemetry is exported: ValueError: Invalid connection string\n"


def test_the_package_exports_only_spans_and_metrics() -> None:
    """Spans and metrics have an exporter; log records have none, and no library that it knows is instrumented."""
    code = (
        "import logging, os; from ingestion import telemetry; telemetry.switch_on(); "
        "from azure.monitor.opentelemetry._constants import _FULLY_SUPPORTED_INSTRUMENTED_LIBRARIES as known; "
        "from opentelemetry import metrics, trace; from azure.core.settings import settings; import httpx; "
        "print(type(trace.get_tracer_provider()).__module__, type(metrics.get_meter_provider()).__module__, "
        "logging.getLogger().handlers, {*known} - {*telemetry.NOT_INSTRUMENTED}, settings.tracing_enabled(), "
        "hasattr(httpx.HTTPTransport.handle_request, '__wrapped__'), flush=True); os._exit(0)"
    )
    key = "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:1/"
    said = in_a_new_process(
        code, SLUICE_TELEMETRY="azure_monitor", APPLICATIONINSIGHTS_CONNECTION_STRING=key,
        APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL="true",
    )  # fmt: skip
    assert said.stdout.strip() == "opentelemetry.sdk.trace opentelemetry.sdk.metrics._internal [] set() False False"
